-- One row per space and local date: tasks created that day by state and the rates.
create or replace view daily_completion as

select
    -- keys
    group_key['space_token'] as space_token,
    group_key['local_date'] as local_date,

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

from completion_by(struct_pack(space_token := space_token, local_date := local_date));

comment on view daily_completion is
'One row per space and local date: tasks created that day by state and the rates.';
