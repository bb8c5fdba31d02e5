-- One row per space, agent and outcome: calls, their share, duration and cost.
create or replace view call_outcomes as

with counts as (
    select
        space_token,
        agent_handle,
        outcome,
        count(*) as call_count,
        count(*) filter (where is_connected) as connected_count,
        count(duration_seconds) filter (where is_connected) as duration_count,
        avg(duration_seconds) filter (where is_connected) as avg_seconds,
        sum(nullif(cost, 0)) as total_cost
    from calls
    group by all
),

labelled as (
    select
        *,
        coalesce(
            sum(call_count) filter (where outcome is not null) over (partition by space_token, agent_handle), 0
        )::bigint as labelled_count
    from counts
)

select
    -- keys
    space_token,
    agent_handle,
    outcome,

    -- measures
    call_count,
    labelled_count,
    case when outcome is not null then call_count::double / nullif(labelled_count, 0) end as outcome_share,
    connected_count,
    duration_count,
    avg_seconds,
    total_cost

from labelled;

comment on view call_outcomes is 'One row per space, agent and outcome: calls, their share, duration and cost.';
