-- One row per space, run, agent and local date of creation: tasks by state, the base of all completion views.
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
