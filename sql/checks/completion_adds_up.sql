-- Runs, agents, spaces and days count the same tasks.
with totals as (
    select
        (select count(*) from tasks where deleted_at is null) as listed,
        (select count(*) from tasks where deleted_at is null and run_id is not null) as listed_in_runs,
        (select coalesce(sum(total_tasks), 0) from run_completion) as by_run,
        (select coalesce(sum(total_tasks), 0) from agent_completion) as by_agent,
        (select coalesce(sum(total_tasks), 0) from space_completion) as by_space,
        (select coalesce(sum(total_tasks), 0) from daily_completion) as by_day
)

select *
from totals
where
    by_run <> listed_in_runs
    or by_agent <> listed
    or by_space <> listed
    or by_day <> listed
