-- One row per run with calls: from task to interest, what the results cost, and the usual of its space beside it.
create or replace view run_funnel as

with counts as (
    select
        run_id,
        max(space_token) as space_token,
        min(created_at) as first_created_at,
        count(*) as tasks,
        count(*) filter (where is_dialed) as dialed,
        count(*) filter (where is_answered) as answered,
        count(*) filter (where is_connected) as connected,
        count(*) filter (where is_engaged) as engaged,
        count(*) filter (where is_engaged and is_interested) as interested,
        sum(nullif(cost, 0)) as total_cost
    from calls
    group by run_id
),

-- the usual of a run: all other calls of its space, those without a run too
compared as (
    select
        *,
        sum(dialed) over others as usual_dialed,
        sum(connected) over others as usual_connected,
        sum(engaged) over others as usual_engaged,
        sum(interested) over others as usual_interested,
        sum(total_cost) over others as usual_cost
    from counts
    window others as (
        partition by space_token
        rows between unbounded preceding and unbounded following exclude current row
    )
)

select
    -- keys
    compared.run_id,
    compared.space_token,
    runs.status as run_status,
    coalesce(runs.created_at, compared.first_created_at) as created_at,

    -- measures
    compared.tasks,
    compared.dialed,
    compared.answered,
    compared.connected,
    compared.engaged,
    compared.interested,
    compared.dialed::double / nullif(compared.tasks, 0) as dialed_rate,
    compared.answered::double / nullif(compared.dialed, 0) as answered_rate,
    compared.connected::double / nullif(compared.answered, 0) as connected_rate,
    compared.engaged::double / nullif(compared.connected, 0) as engaged_rate,
    compared.interested::double / nullif(compared.engaged, 0) as interested_rate,
    compared.connected::double / nullif(compared.dialed, 0) as connect_rate,
    wilson_low(compared.connected, compared.dialed) as connect_rate_low,
    wilson_high(compared.connected, compared.dialed) as connect_rate_high,
    compared.total_cost,
    compared.total_cost / nullif(compared.connected, 0) as cost_per_connect,
    compared.total_cost / nullif(compared.interested, 0) as cost_per_interested,

    -- the usual of the space
    coalesce(compared.usual_dialed, 0)::bigint as usual_dialed,
    coalesce(compared.usual_connected, 0)::bigint as usual_connected,
    coalesce(compared.usual_engaged, 0)::bigint as usual_engaged,
    coalesce(compared.usual_interested, 0)::bigint as usual_interested,
    compared.usual_connected::double / nullif(compared.usual_dialed, 0) as usual_connect_rate,
    compared.usual_engaged::double / nullif(compared.usual_connected, 0) as usual_engaged_rate,
    compared.usual_interested::double / nullif(compared.usual_engaged, 0) as usual_interested_rate,
    compared.usual_cost / nullif(compared.usual_connected, 0) as usual_cost_per_connect,
    compared.usual_cost / nullif(compared.usual_interested, 0) as usual_cost_per_interested

from compared
left join runs on compared.run_id = runs.run_id
where compared.run_id is not null;

comment on view run_funnel is
'One row per run with calls: from task to interest, what the results cost, and the usual of its space beside it.';
