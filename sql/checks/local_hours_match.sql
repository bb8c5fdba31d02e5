-- A local hour and weekday fit the local date of the start.
select
    task_id,
    started_at,
    started_local_date,
    started_local_hour,
    started_local_weekday
from tasks
where
    (started_at is null) <> (started_local_hour is null)
    or started_local_hour not between 0 and 23
    or started_local_weekday is distinct from isodow(started_local_date)
