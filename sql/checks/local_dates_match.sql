-- A local date lies within 14 hours of its time in UTC, and is present exactly when the time is.
select
    task_id,
    created_at,
    created_local_date,
    started_at,
    started_local_date
from tasks
where
    (created_at is null) <> (created_local_date is null)
    or (started_at is null) <> (started_local_date is null)
    or created_local_date not between (created_at - interval 14 hour)::date and (created_at + interval 14 hour)::date
    or started_local_date not between (started_at - interval 14 hour)::date and (started_at + interval 14 hour)::date
