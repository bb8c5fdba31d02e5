-- One row per space and local date: tasks created that day by state and the rates.
create or replace view daily_completion as

select
    -- keys
    group_key[1] as space_token,
    group_key[2] as local_date,

    -- measures
    total_tasks,
    completed_tasks,
    failed_tasks,
    pending_tasks,
    in_progress_tasks,
    other_tasks,
    completion_rate,
    processed_rate,
    finished_at

from completion_by(row(space_token, local_date));

comment on view daily_completion is
'One row per space and local date: tasks created that day by state and the rates.';
