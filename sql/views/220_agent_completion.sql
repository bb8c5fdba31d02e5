-- One row per agent: its tasks by state and the rates, agents without tasks and tasks without an agent too.
create or replace view agent_completion as

select
    -- keys
    coalesce(agents.agent_handle, counts.group_key) as agent_handle,
    agents.agent_name,

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

from agents
full join completion_by(agent_handle) as counts on agents.agent_handle = counts.group_key
where
    agents.deleted_at is null
    or counts.total_tasks > 0;

comment on view agent_completion is
'One row per agent: its tasks by state and the rates; agents without tasks and tasks without an agent too.';
