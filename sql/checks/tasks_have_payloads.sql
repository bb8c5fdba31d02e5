-- Every task has its payload, with the same content hash.
select
    tasks.task_id,
    tasks.content_hash,
    payloads.content_hash as payload_hash
from tasks
left join raw.payloads as payloads
    on
        payloads.kind = 'task'
        and tasks.task_id = payloads.id
where tasks.content_hash is distinct from payloads.content_hash
