-- Every version belongs to a stored task.
select
    task_versions.task_id,
    count(*) as version_count
from task_versions
anti join tasks on task_versions.task_id = tasks.task_id
group by all
