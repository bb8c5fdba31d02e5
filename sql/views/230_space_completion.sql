-- One row per space: its tasks by state and the rates, spaces without tasks too.
create or replace view space_completion as

select
    -- keys
    coalesce(spaces.space_token, counts.group_key) as space_token,
    spaces.space_name,

    -- measures
    coalesce(counts.total_tasks, 0) as total_tasks,
    coalesce(counts.completed_tasks, 0) as completed_tasks,
    coalesce(counts.failed_tasks, 0) as failed_tasks,
    coalesce(counts.pending_tasks, 0) as pending_tasks,
    coalesce(counts.in_progress_tasks, 0) as in_progress_tasks,
    coalesce(counts.other_tasks, 0) as other_tasks,
    counts.completion_rate,
    counts.processed_rate,
    counts.finished_at

from spaces
full join completion_by(space_token) as counts on spaces.space_token = counts.group_key
where
    spaces.deleted_at is null
    or counts.total_tasks > 0;

comment on view space_completion is 'One row per space: its tasks by state and the rates; spaces without tasks too.';
