-- Funnel, durations and outcomes count the same calls.
with totals as (
    select
        (select count(*) from calls) as calls,
        (select coalesce(sum(tasks), 0) from call_funnel) as by_funnel,
        (select coalesce(sum(call_count), 0) from call_durations) as by_duration,
        (select coalesce(sum(call_count), 0) from call_outcomes) as by_outcome,
        (select coalesce(sum(call_count), 0) from daily_outcomes) as by_day,
        (select coalesce(sum(call_count), 0) from call_costs) as by_cost
)

select *
from totals
where
    by_funnel <> calls
    or by_duration <> calls
    or by_outcome <> calls
    or by_day <> calls
    or by_cost <> calls
