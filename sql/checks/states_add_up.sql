-- The states of tasks add up to their total.
select
    run_id,
    total_tasks,
    completed_tasks,
    failed_tasks,
    pending_tasks,
    in_progress_tasks,
    other_tasks
from run_completion
where
    completed_tasks + failed_tasks + pending_tasks + in_progress_tasks + other_tasks <> total_tasks
    or other_tasks < 0
