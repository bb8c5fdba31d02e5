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
comment on column agent_completion.agent_handle is 'Agent; the key. NULL: the tasks without an agent.';
comment on column agent_completion.agent_name is 'Name of the agent, when it was listed.';
comment on column agent_completion.total_tasks is 'Tasks that the API still lists. Source: task_counts.total_tasks.';
comment on column agent_completion.completed_tasks is
'Tasks with status completed. Source: task_counts.completed_tasks.';
comment on column agent_completion.failed_tasks is 'Tasks with status failed. Source: task_counts.failed_tasks.';
comment on column agent_completion.pending_tasks is
'Tasks with status pending, scheduled, queued or hold. Source: task_counts.pending_tasks.';
comment on column agent_completion.in_progress_tasks is
'Tasks with status in_progress, processing or running. Source: task_counts.in_progress_tasks.';
comment on column agent_completion.other_tasks is
'Tasks in any other status, partially_completed, unknown and missing ones too. Source: task_counts.other_tasks.';
comment on column agent_completion.completion_rate is
'completed_tasks / total_tasks. Source: task_counts. '
'Caveat: the platform calls this success; its own completion rate counts failed tasks too (processed_rate).';
comment on column agent_completion.processed_rate is
'(completed_tasks + failed_tasks) / total_tasks. Source: task_counts.';
comment on column agent_completion.finished_at is
'Latest end of a call (UTC); NULL while a task is pending or in progress. Source: tasks.ended_at, tasks.status. '
'Caveat: finished work can grow or be redialed.';
