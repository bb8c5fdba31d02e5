-- One row per pair of agents that dialed on the same days: how far apart they are on these days, and how surely.
create or replace view agent_comparison as

with pairs as (
    select
        mine.agent_handle,
        theirs.agent_handle as other_agent_handle,
        mine.measure,
        mine.day_count,
        mine.hit_count as mine_hit_count,
        mine.case_count as mine_case_count,
        theirs.hit_count as their_hit_count,
        theirs.case_count as their_case_count,
        mine.rate as mine_rate,
        theirs.rate as their_rate,
        mine.rate - theirs.rate as difference,
        difference - sqrt(
            pow(mine.rate - mine.rate_low, 2) + pow(theirs.rate_high - theirs.rate, 2)
        ) as difference_low,
        difference + sqrt(
            pow(mine.rate_high - mine.rate, 2) + pow(theirs.rate - theirs.rate_low, 2)
        ) as difference_high,
        difference_low > 0 or difference_high < 0 as is_apart
    from agent_rates as mine
    inner join agent_rates as theirs
        on
            mine.agent_handle = theirs.partner_handle
            and mine.partner_handle = theirs.agent_handle
            and mine.measure = theirs.measure
    where mine.agent_handle < theirs.agent_handle
)

select
    -- keys
    agent_handle,
    other_agent_handle,

    -- measures
    max(day_count) as shared_day_count,
    max(mine_case_count) filter (where measure = 'connect') as dialed_count,
    max(mine_hit_count) filter (where measure = 'connect') as connected_count,
    max(their_case_count) filter (where measure = 'connect') as other_dialed_count,
    max(their_hit_count) filter (where measure = 'connect') as other_connected_count,
    max(mine_rate) filter (where measure = 'connect') as connect_rate,
    max(their_rate) filter (where measure = 'connect') as other_connect_rate,
    max(difference) filter (where measure = 'connect') as connect_difference,
    max(difference_low) filter (where measure = 'connect') as connect_difference_low,
    max(difference_high) filter (where measure = 'connect') as connect_difference_high,
    coalesce(bool_or(is_apart) filter (where measure = 'connect'), false) as is_connect_significant,
    max(mine_hit_count) filter (where measure = 'interested') as interested_count,
    max(their_hit_count) filter (where measure = 'interested') as other_interested_count,
    max(mine_rate) filter (where measure = 'interested') as interested_rate,
    max(their_rate) filter (where measure = 'interested') as other_interested_rate,
    max(difference) filter (where measure = 'interested') as interested_difference,
    max(difference_low) filter (where measure = 'interested') as interested_difference_low,
    max(difference_high) filter (where measure = 'interested') as interested_difference_high,
    coalesce(bool_or(is_apart) filter (where measure = 'interested'), false) as is_interested_significant,
    coalesce(bool_or(is_apart), false) as is_significant

from pairs
group by all;

comment on view agent_comparison is
'One row per pair of agents that dialed on the same days: how far apart they are on these days, and how surely.';
comment on column agent_comparison.agent_handle is 'First agent of the pair, by name.';
comment on column agent_comparison.other_agent_handle is 'Other agent of the pair.';
comment on column agent_comparison.shared_day_count is 'Days on which both dialed. Source: agent_rates.day_count.';
comment on column agent_comparison.dialed_count is
'Dialed calls of the first agent on the shared days. Source: agent_rates.';
comment on column agent_comparison.connected_count is 'Of these, connected. Source: agent_rates.';
comment on column agent_comparison.other_dialed_count is
'Dialed calls of the other agent on the shared days. Source: agent_rates.';
comment on column agent_comparison.other_connected_count is 'Of these, connected. Source: agent_rates.';
comment on column agent_comparison.connect_rate is 'connected_count / dialed_count. Source: agent_rates.';
comment on column agent_comparison.other_connect_rate is
'other_connected_count / other_dialed_count. Source: agent_rates.';
comment on column agent_comparison.connect_difference is
'connect_rate - other_connect_rate. Source: agent_rates. Caveat: same days, but not the same contacts or hours.';
comment on column agent_comparison.connect_difference_low is
'Lower end of its 95 % Newcombe interval (hybrid score, method 10). Source: agent_rates.';
comment on column agent_comparison.connect_difference_high is
'Upper end of its 95 % Newcombe interval (hybrid score, method 10). Source: agent_rates.';
comment on column agent_comparison.is_connect_significant is
'The interval of connect_difference leaves out 0. Source: agent_rates.';
comment on column agent_comparison.interested_count is
'Connected calls of the first agent on the shared days with outcome interested. Source: agent_rates.';
comment on column agent_comparison.other_interested_count is
'Connected calls of the other agent on the shared days with outcome interested. Source: agent_rates.';
comment on column agent_comparison.interested_rate is 'interested_count / connected_count. Source: agent_rates.';
comment on column agent_comparison.other_interested_rate is
'other_interested_count / other_connected_count. Source: agent_rates.';
comment on column agent_comparison.interested_difference is
'interested_rate - other_interested_rate. Source: agent_rates. '
'Caveat: same days, but not the same contacts or hours.';
comment on column agent_comparison.interested_difference_low is
'Lower end of its 95 % Newcombe interval (hybrid score, method 10). Source: agent_rates.';
comment on column agent_comparison.interested_difference_high is
'Upper end of its 95 % Newcombe interval (hybrid score, method 10). Source: agent_rates.';
comment on column agent_comparison.is_interested_significant is
'The interval of interested_difference leaves out 0. Source: agent_rates.';
comment on column agent_comparison.is_significant is
'One of the two intervals leaves out 0. Source: agent_rates. '
'Caveat: among many pairs some differ by chance, one comparison in twenty; agents with other contacts or hours are '
'not alike.';
