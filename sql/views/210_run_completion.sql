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
comment on column run_completion.run_id is 'Run; the key.';
comment on column run_completion.space_token is 'Space of the run; of its tasks when the run itself was not listed.';
comment on column run_completion.run_status is
'Status of the run, folded; NULL when the run itself was not listed. One finished call may mark a run completed.';
comment on column run_completion.created_at is 'Creation of the run (UTC).';
comment on column run_completion.total_tasks is 'Tasks that the API still lists. Source: task_counts.total_tasks.';
comment on column run_completion.completed_tasks is
'Tasks with status completed. Source: task_counts.completed_tasks.';
comment on column run_completion.failed_tasks is 'Tasks with status failed. Source: task_counts.failed_tasks.';
comment on column run_completion.pending_tasks is
'Tasks with status pending, scheduled, queued or hold. Source: task_counts.pending_tasks.';
comment on column run_completion.in_progress_tasks is
'Tasks with status in_progress, processing or running. Source: task_counts.in_progress_tasks.';
comment on column run_completion.other_tasks is
'Tasks in any other status, partially_completed, unknown and missing ones too. Source: task_counts.other_tasks.';
comment on column run_completion.completion_rate is
'completed_tasks / total_tasks. Source: task_counts. '
'Caveat: the platform calls this success; its own completion rate counts failed tasks too (processed_rate).';
comment on column run_completion.processed_rate is
'(completed_tasks + failed_tasks) / total_tasks. Source: task_counts.';
comment on column run_completion.finished_at is
'Latest end of a call (UTC); NULL while a task is pending or in progress. Source: tasks.ended_at, tasks.status. '
'Caveat: a finished run can grow or be redialed.';
