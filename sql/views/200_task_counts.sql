-- One row per space, run, agent and local date of creation: tasks by state, the ground of all completion views.
create or replace view task_counts as

select
    -- keys
    space_token,
    run_id,
    agent_handle,
    created_local_date as local_date,

    -- measures
    count(*) as total_tasks,
    count(*) filter (where status = 'completed') as completed_tasks,
    count(*) filter (where status = 'failed') as failed_tasks,
    count(*) filter (where status in ('pending', 'scheduled', 'queued', 'hold')) as pending_tasks,
    count(*) filter (where status in ('in_progress', 'processing', 'running')) as in_progress_tasks,
    total_tasks - completed_tasks - failed_tasks - pending_tasks - in_progress_tasks as other_tasks,
    max(ended_at) as last_ended_at

from tasks
where deleted_at is null
group by all;

comment on view task_counts is
'One row per space, run, agent and local date of creation: tasks of every execution type by state.';
comment on column task_counts.space_token is 'Space.';
comment on column task_counts.run_id is 'Run; NULL for tasks outside runs.';
comment on column task_counts.agent_handle is 'Agent; NULL for tasks without one.';
comment on column task_counts.local_date is 'Date of the tasks'' creation in the configured time zone.';
comment on column task_counts.total_tasks is
'Tasks that the API still lists. Source: tasks.task_id, tasks.deleted_at.';
comment on column task_counts.completed_tasks is
'Tasks with status completed; statuses are folded first (Completed is completed). Source: tasks.status.';
comment on column task_counts.failed_tasks is 'Tasks with status failed. Source: tasks.status.';
comment on column task_counts.pending_tasks is
'Tasks with status pending, scheduled, queued or hold. Source: tasks.status.';
comment on column task_counts.in_progress_tasks is
'Tasks with status in_progress, processing or running. Source: tasks.status.';
comment on column task_counts.other_tasks is
'Tasks in any other status, partially_completed, unknown and missing ones too. Source: tasks.status.';
comment on column task_counts.last_ended_at is 'Latest end of a call (UTC).';
