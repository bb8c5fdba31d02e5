-- One row per space and agent: what a call, a connected call and an interested contact cost.
create or replace view call_costs as

with counts as (
    select
        space_token,
        agent_handle,
        sum(call_count)::bigint as call_count,
        sum(dialed_count)::bigint as dialed_count,
        sum(connected_count)::bigint as connected_count,
        sum(interested_count)::bigint as interested_count,
        sum(costed_count)::bigint as costed_count,
        sum(total_cost) as total_cost
    from call_counts
    group by all
)

select
    -- keys
    space_token,
    agent_handle,

    -- measures
    call_count,
    dialed_count,
    connected_count,
    interested_count,
    costed_count,
    total_cost,
    total_cost / nullif(call_count, 0) as cost_per_call,
    total_cost / nullif(dialed_count, 0) as cost_per_dial,
    total_cost / nullif(connected_count, 0) as cost_per_connect,
    total_cost / nullif(interested_count, 0) as cost_per_interested

from counts;

comment on view call_costs is
'One row per space and agent: what a call, a connected call and an interested contact cost.';
