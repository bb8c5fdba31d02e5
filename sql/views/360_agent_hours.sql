-- One row per agent and local hour with a dialed call: how well that hour connects.
create or replace view agent_hours as

with counts as (
    select
        agent_handle,
        started_local_hour as local_hour,
        count(*) as dialed_count,
        count(*) filter (where is_connected) as connected_count
    from calls
    where
        is_dialed
        and agent_handle is not null
        and started_local_hour is not null
    group by all
)

select
    -- keys
    counts.agent_handle,
    agents.agent_name,
    counts.local_hour,

    -- measures
    counts.dialed_count,
    counts.connected_count,
    counts.connected_count::double / nullif(counts.dialed_count, 0) as connect_rate,
    wilson_low(counts.connected_count, counts.dialed_count) as connect_rate_low,
    wilson_high(counts.connected_count, counts.dialed_count) as connect_rate_high,
    connect_rate_high - connect_rate_low <= (select reliable_width from thresholds) as is_reliable

from counts
left join agents on counts.agent_handle = agents.agent_handle;

comment on view agent_hours is
'One row per agent and local hour with a dialed call: how well that hour connects.';
