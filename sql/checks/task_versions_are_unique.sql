-- A version of a task is stored once.
select
    task_id,
    modified_at,
    content_hash,
    count(*) as row_count
from task_versions
group by all
having count(*) > 1
