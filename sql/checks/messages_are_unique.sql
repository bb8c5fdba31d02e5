-- A task has one message at a position.
select
    task_id,
    position,
    count(*) as row_count
from transcript_messages
group by all
having count(*) > 1
