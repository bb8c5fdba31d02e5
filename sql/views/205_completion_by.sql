-- One row per value of a key of task_counts: tasks by state, the rates and the end; all completion views read it.
create or replace macro completion_by(key) as table

    select
        -- keys
        key as group_key,
        min(space_token) as space_token,

        -- measures
        sum(total_tasks)::bigint as total_tasks,
        sum(completed_tasks)::bigint as completed_tasks,
        sum(failed_tasks)::bigint as failed_tasks,
        sum(pending_tasks)::bigint as pending_tasks,
        sum(in_progress_tasks)::bigint as in_progress_tasks,
        sum(other_tasks)::bigint as other_tasks,
        sum(completed_tasks)::double / nullif(sum(total_tasks), 0) as completion_rate,
        sum(completed_tasks + failed_tasks)::double / nullif(sum(total_tasks), 0) as processed_rate,
        case when sum(pending_tasks + in_progress_tasks) = 0 then max(last_ended_at) end as finished_at

    from task_counts
    group by key;
