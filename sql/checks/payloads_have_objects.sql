-- Every payload of a task, run, space or agent has its row.
select
    payloads.kind,
    payloads.id
from raw.payloads as payloads
left join tasks
    on
        payloads.kind = 'task'
        and payloads.id = tasks.task_id
left join runs
    on
        payloads.kind = 'run'
        and payloads.id = runs.run_id
left join spaces
    on
        payloads.kind = 'space'
        and payloads.id = spaces.space_token
left join agents
    on
        payloads.kind = 'agent'
        and payloads.id = agents.agent_handle
where
    payloads.kind in ('task', 'run', 'space', 'agent')
    and coalesce(tasks.task_id, runs.run_id, spaces.space_token, agents.agent_handle) is null
