-- The latest content of every task is among its versions, once.
select
    tasks.task_id,
    count(task_versions.task_id) as version_count
from tasks
left join task_versions
    on
        tasks.task_id = task_versions.task_id
        and tasks.content_hash is not distinct from task_versions.content_hash
        and tasks.modified_at is not distinct from task_versions.modified_at
group by tasks.task_id
having count(task_versions.task_id) <> 1
