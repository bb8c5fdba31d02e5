-- Every message belongs to a stored task.
select
    transcript_messages.task_id,
    count(*) as message_count
from transcript_messages
anti join tasks on transcript_messages.task_id = tasks.task_id
group by all
