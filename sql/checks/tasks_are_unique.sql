-- A task is stored once.
select
    task_id,
    count(*) as row_count
from tasks
group by all
having count(*) > 1
