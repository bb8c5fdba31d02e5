-- Nothing was created more than a day from now.
select
    'task' as kind,
    task_id as id,
    created_at
from tasks
where created_at > (select now_at from utc_clock) + interval 1 day
union all
select
    'run' as kind,
    run_id as id,
    created_at
from runs
where created_at > (select now_at from utc_clock) + interval 1 day
