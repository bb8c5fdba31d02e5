-- One row per space and agent: from task to interest, with the rate of each step.
create or replace view call_funnel as

with counts as (
    select
        space_token,
        agent_handle,
        sum(call_count)::bigint as tasks,
        sum(dialed_count)::bigint as dialed,
        sum(answered_count)::bigint as answered,
        sum(connected_count)::bigint as connected,
        sum(engaged_count)::bigint as engaged,
        sum(engaged_interested_count)::bigint as interested
    from call_counts
    group by all
)

select
    -- keys
    space_token,
    agent_handle,

    -- measures
    tasks,
    dialed,
    answered,
    connected,
    engaged,
    interested,
    dialed::double / nullif(tasks, 0) as dialed_rate,
    answered::double / nullif(dialed, 0) as answered_rate,
    connected::double / nullif(answered, 0) as connected_rate,
    engaged::double / nullif(connected, 0) as engaged_rate,
    interested::double / nullif(engaged, 0) as interested_rate,
    connected::double / nullif(dialed, 0) as connect_rate

from counts;

comment on view call_funnel is 'One row per space and agent: from task to interest, with the rate of each step.';
