-- One row per space and local date: tasks created and calls made that day, the base of trend and anomalies.
create or replace view daily_activity as

with call_days as (
    select
        space_token,
        local_date,
        sum(call_count)::bigint as call_count,
        sum(dialed_count)::bigint as dialed_count,
        sum(connected_count)::bigint as connected_count,
        sum(interested_count)::bigint as interested_count
    from call_counts
    where local_date is not null
    group by all
),

task_days as (
    select
        space_token,
        local_date,
        total_tasks,
        completed_tasks,
        failed_tasks
    from daily_completion
    where local_date is not null
)

select
    -- keys
    coalesce(task_days.space_token, call_days.space_token) as space_token,
    coalesce(task_days.local_date, call_days.local_date) as local_date,

    -- measures
    coalesce(task_days.total_tasks, 0) as total_tasks,
    coalesce(task_days.completed_tasks, 0) as completed_tasks,
    coalesce(task_days.failed_tasks, 0) as failed_tasks,
    coalesce(call_days.call_count, 0) as call_count,
    coalesce(call_days.dialed_count, 0) as dialed_count,
    coalesce(call_days.connected_count, 0) as connected_count,
    coalesce(call_days.interested_count, 0) as interested_count

from task_days
full join call_days
    on
        task_days.space_token = call_days.space_token
        and task_days.local_date = call_days.local_date;

comment on view daily_activity is 'One row per space and local date: tasks created and calls made that day.';
