-- One row per space, agent and local date: calls by result, the base of all call rates.
create or replace view call_counts as

select
    -- keys
    space_token,
    agent_handle,
    local_date,

    -- measures
    count(*) as call_count,
    count(*) filter (where is_dialed) as dialed_count,
    count(*) filter (where is_answered) as answered_count,
    count(*) filter (where is_voicemail) as voicemail_count,
    count(*) filter (where is_connected) as connected_count,
    count(*) filter (where is_engaged) as engaged_count,
    count(*) filter (where is_short) as short_count,
    count(*) filter (where is_interested) as interested_count,
    count(*) filter (where is_engaged and is_interested) as engaged_interested_count,
    count(success_points) as scored_count,
    count(*) filter (where is_successful) as successful_count,
    count(cost) as costed_count,
    sum(nullif(cost, 0)) as total_cost

from calls
group by all;

comment on view call_counts is
'One row per space, agent and local date: calls by result, the base of all call rates.';
