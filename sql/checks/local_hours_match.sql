-- Local date, hour and weekday of a start fit its local time.
select
    task_id,
    started_at,
    started_local_at,
    started_local_date,
    started_local_hour,
    started_local_weekday
from tasks
where
    (started_at is null) <> (started_local_at is null)
    or started_local_date is distinct from started_local_at::date
    or started_local_hour is distinct from hour(started_local_at)
    or started_local_weekday is distinct from isodow(started_local_date)
