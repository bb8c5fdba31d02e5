-- A role is in lower case.
select
    task_id,
    position,
    role
from transcript_messages
where role <> lower(role)
