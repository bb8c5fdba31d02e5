-- One row per space: its tasks by state and the rates, spaces without tasks too.
create or replace view space_completion as

select
    -- keys
    coalesce(spaces.space_token, counts.group_key) as space_token,
    spaces.space_name,

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

from spaces
full join completion_by(space_token) as counts on spaces.space_token = counts.group_key
where
    spaces.deleted_at is null
    or counts.total_tasks > 0;

comment on view space_completion is 'One row per space: its tasks by state and the rates; spaces without tasks too.';
comment on column space_completion.space_token is 'Space; the key.';
comment on column space_completion.space_name is 'Name of the space, when it was listed.';
comment on column space_completion.total_tasks is 'Tasks that the API still lists. Source: task_counts.total_tasks.';
comment on column space_completion.completed_tasks is
'Tasks with status completed. Source: task_counts.completed_tasks.';
comment on column space_completion.failed_tasks is 'Tasks with status failed. Source: task_counts.failed_tasks.';
comment on column space_completion.pending_tasks is
'Tasks with status pending, scheduled, queued or hold. Source: task_counts.pending_tasks.';
comment on column space_completion.in_progress_tasks is
'Tasks with status in_progress, processing or running. Source: task_counts.in_progress_tasks.';
comment on column space_completion.other_tasks is
'Tasks in any other status, partially_completed, unknown and missing ones too. Source: task_counts.other_tasks.';
comment on column space_completion.completion_rate is
'completed_tasks / total_tasks. Source: task_counts. '
'Caveat: the platform calls this success; its own completion rate counts failed tasks too (processed_rate).';
comment on column space_completion.processed_rate is
'(completed_tasks + failed_tasks) / total_tasks. Source: task_counts.';
comment on column space_completion.finished_at is
'Latest end of a call (UTC); NULL while a task is pending or in progress. Source: tasks.ended_at, tasks.status. '
'Caveat: finished work can grow or be redialed.';
