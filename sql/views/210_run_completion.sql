-- One row per run: its tasks by state and the rates, runs without tasks and runs known only from tasks too.
create or replace view run_completion as

select
    -- keys
    coalesce(runs.run_id, counts.group_key) as run_id,
    coalesce(runs.space_token, counts.space_token) as space_token,
    runs.status as run_status,
    runs.created_at,

    -- measures
    coalesce(counts.total_tasks, 0) as total_tasks,
    coalesce(counts.completed_tasks, 0) as completed_tasks,
    coalesce(counts.failed_tasks, 0) as failed_tasks,
    coalesce(counts.pending_tasks, 0) as pending_tasks,
    coalesce(counts.in_progress_tasks, 0) as in_progress_tasks,
    coalesce(counts.other_tasks, 0) as other_tasks,
    counts.completion_rate,
    counts.processed_rate,
    counts.finished_at

from runs
full join completion_by(run_id) as counts on runs.run_id = counts.group_key
where
    (runs.run_id is not null or counts.group_key is not null)
    and (runs.deleted_at is null or counts.total_tasks > 0);

comment on view run_completion is
'One row per run: its tasks by state and the rates; runs without tasks and runs known only from tasks too.';
