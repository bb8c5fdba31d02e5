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
comment on column call_costs.space_token is 'Space.';
comment on column call_costs.agent_handle is 'Agent; NULL for calls without one.';
comment on column call_costs.call_count is 'Calls, whether dialed or not. Source: call_counts.call_count.';
comment on column call_costs.dialed_count is 'Dialed calls. Source: call_counts.dialed_count.';
comment on column call_costs.connected_count is 'Connected calls. Source: call_counts.connected_count.';
comment on column call_costs.interested_count is
'Connected calls with outcome interested. Source: call_counts.interested_count.';
comment on column call_costs.costed_count is
'Calls with a cost, 0 included: what total_cost rests on. Source: call_counts.costed_count.';
comment on column call_costs.total_cost is
'Cost of all calls; NULL when every cost is 0 or absent. Source: call_counts.total_cost. '
'Caveat: without currency; some accounts add a mark-up.';
comment on column call_costs.cost_per_call is
'total_cost / call_count. Source: call_counts. Caveat: waiting calls count; see cost_per_dial.';
comment on column call_costs.cost_per_dial is 'total_cost / dialed_count. Source: call_counts.';
comment on column call_costs.cost_per_connect is
'total_cost / connected_count: failed dials are part of the price. Source: call_counts.';
comment on column call_costs.cost_per_interested is 'total_cost / interested_count. Source: call_counts.';
