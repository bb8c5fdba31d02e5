-- Every key of a table is known.
select
    'spaces' as table_name,
    count(*) as row_count
from spaces
where space_token is null
having count(*) > 0
union all
select
    'agents' as table_name,
    count(*) as row_count
from agents
where agent_handle is null
having count(*) > 0
union all
select
    'runs' as table_name,
    count(*) as row_count
from runs
where run_id is null
having count(*) > 0
union all
select
    'tasks' as table_name,
    count(*) as row_count
from tasks
where task_id is null
having count(*) > 0
union all
select
    'transcript_messages' as table_name,
    count(*) as row_count
from transcript_messages
where
    task_id is null
    or position is null
having count(*) > 0
union all
select
    'executions' as table_name,
    count(*) as row_count
from executions
where
    agent_handle is null
    or run_id is null
having count(*) > 0
