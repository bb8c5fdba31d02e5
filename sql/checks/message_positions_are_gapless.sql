-- The messages of a task are numbered from 0 without a gap.
select
    task_id,
    count(*) as message_count,
    min(position) as first_position,
    max(position) as last_position
from transcript_messages
group by all
having
    min(position) <> 0
    or max(position) <> count(*) - 1
