-- One row per space and local date: tasks created that day by state and the rates.
create or replace view daily_completion as

select
    -- keys
    group_key['space_token'] as space_token,
    group_key['local_date'] as local_date,

    -- measures
    total_tasks,
    completed_tasks,
    failed_tasks,
    pending_tasks,
    in_progress_tasks,
    other_tasks,
    completion_rate,
    processed_rate,
    finished_at

from completion_by(struct_pack(space_token := space_token, local_date := local_date));

comment on view daily_completion is
'One row per space and local date: tasks created that day by state and the rates.';
comment on column daily_completion.space_token is 'Space.';
comment on column daily_completion.local_date is 'Date of the tasks'' creation in the configured time zone.';
comment on column daily_completion.total_tasks is 'Tasks that the API still lists. Source: task_counts.total_tasks.';
comment on column daily_completion.completed_tasks is
'Tasks with status completed. Source: task_counts.completed_tasks.';
comment on column daily_completion.failed_tasks is 'Tasks with status failed. Source: task_counts.failed_tasks.';
comment on column daily_completion.pending_tasks is
'Tasks with status pending, scheduled, queued or hold. Source: task_counts.pending_tasks.';
comment on column daily_completion.in_progress_tasks is
'Tasks with status in_progress, processing or running. Source: task_counts.in_progress_tasks.';
comment on column daily_completion.other_tasks is
'Tasks in any other status, partially_completed, unknown and missing ones too. Source: task_counts.other_tasks.';
comment on column daily_completion.completion_rate is
'completed_tasks / total_tasks. Source: task_counts. '
'Caveat: the platform calls this success; its own completion rate counts failed tasks too (processed_rate).';
comment on column daily_completion.processed_rate is
'(completed_tasks + failed_tasks) / total_tasks. Source: task_counts.';
comment on column daily_completion.finished_at is
'Latest end of a call (UTC); NULL while a task is pending or in progress. Source: tasks.ended_at, tasks.status. '
'Caveat: finished work can grow or be redialed.';
