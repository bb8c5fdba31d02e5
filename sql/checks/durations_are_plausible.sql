-- No duration is negative or longer than 12 hours.
select
    task_id,
    duration_seconds
from tasks
where duration_seconds not between 0 and 43200
