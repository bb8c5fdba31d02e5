-- The message_count of a task is the number of its messages.
with counted as (
    select
        task_id,
        count(*) as stored_count
    from transcript_messages
    group by all
)

select
    tasks.task_id,
    tasks.message_count,
    counted.stored_count
from tasks
left join counted on tasks.task_id = counted.task_id
where coalesce(tasks.message_count, 0) <> coalesce(counted.stored_count, 0)
