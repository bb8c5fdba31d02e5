-- One row per agent and run of the executions endpoint: its counts and ours, and why they may differ.
create or replace view execution_reconciliation as

with stored as (
    select
        run_id,
        agent_handle,
        count(*) filter (where deleted_at is null) as total_tasks,
        count(*) filter (where deleted_at is null and status = 'completed') as completed_tasks,
        count(*) filter (where deleted_at is not null) as deleted_tasks
    from tasks
    where run_id is not null
    group by all
),

by_run as (
    select
        run_id,
        sum(total_tasks)::bigint as total_tasks,
        sum(completed_tasks)::bigint as completed_tasks,
        sum(deleted_tasks)::bigint as deleted_tasks
    from stored
    group by all
),

forgotten as (
    select
        run_id,
        count(*) as task_count
    from meta.forgotten
    where kind = 'task' and run_id is not null
    group by all
),

compared as (
    select
        executions.agent_handle,
        executions.run_id,
        executions.status,
        executions.total_tasks,
        executions.completed_tasks,
        coalesce(by_run.total_tasks, 0) as our_total_tasks,
        coalesce(by_run.completed_tasks, 0) as our_completed_tasks,
        coalesce(stored.total_tasks, 0) as our_agent_tasks,
        coalesce(by_run.deleted_tasks, 0) as our_deleted_tasks,
        coalesce(forgotten.task_count, 0) as forgotten_tasks,
        executions.total_tasks - our_total_tasks - forgotten_tasks as total_difference,
        executions.completed_tasks - our_completed_tasks as completed_difference,
        by_run.run_id is not null or runs.run_id is not null as is_run_known
    from executions
    left join by_run on executions.run_id = by_run.run_id
    left join stored
        on
            executions.run_id = stored.run_id
            and executions.agent_handle = stored.agent_handle
    left join forgotten on executions.run_id = forgotten.run_id
    left join runs on executions.run_id = runs.run_id
    where executions.deleted_at is null
)

select
    -- keys
    agent_handle,
    run_id,
    status,

    -- measures
    total_tasks,
    completed_tasks,
    our_total_tasks,
    our_completed_tasks,
    our_agent_tasks,
    our_deleted_tasks,
    forgotten_tasks,
    total_difference,
    completed_difference,
    coalesce(total_difference = 0 and completed_difference between 0 and forgotten_tasks, false) as is_equal,
    case
        when total_difference is null or completed_difference is null then 'the endpoint sent no count'
        when is_equal then 'equal'
        when not is_run_known then 'run unknown here: it stands in no space that is synced'
        when total_difference = 0 then 'completed differs: statuses changed between the two reads'
        when total_difference = our_deleted_tasks then 'the endpoint still counts tasks that the list has dropped'
        when total_tasks - our_agent_tasks between 0 and forgotten_tasks
            then 'the endpoint counts the tasks of this agent only'
        when total_difference < 0 then 'tasks joined the run after the endpoint had counted'
        when our_total_tasks = 0 then 'run known, its tasks not yet read'
        else 'tasks are missing here: sync --full'
    end as explanation

from compared;

comment on view execution_reconciliation is
'One row per agent and run of the executions endpoint: its counts and ours, and why they may differ.';
