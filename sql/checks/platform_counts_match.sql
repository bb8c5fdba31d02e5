-- The platform's arithmetic counts the same tasks as ours.
select
    platform_run_analytics.run_id,
    platform_run_analytics.total_tasks,
    run_completion.total_tasks as our_total_tasks,
    platform_run_analytics.completed,
    run_completion.completed_tasks
from platform_run_analytics
inner join run_completion on platform_run_analytics.run_id = run_completion.run_id
where
    platform_run_analytics.total_tasks <> run_completion.total_tasks
    or platform_run_analytics.completed <> run_completion.completed_tasks
    or platform_run_analytics.failed <> run_completion.failed_tasks
