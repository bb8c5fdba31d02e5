-- One row per space: how fresh and how complete its stored data is.
create or replace view sync_freshness as

with stored as (
    select
        space_token,
        count(*) filter (where deleted_at is null) as task_count,
        count(*) filter (where deleted_at is not null) as deleted_count,
        max(created_at) filter (where deleted_at is null) as newest_task_at
    from tasks
    group by all
),

lists as (
    select
        space_token,
        max(last_synced_at) as last_synced_at,
        max(api_count) as api_count,
        max(explained_gap) as explained_gap,
        max(sweep_remaining) as pending_sweep,
        max(sweep_completed_at) as sweep_completed_at,
        max(last_error) as last_error
    from meta.bookmarks
    where resource = 'spaces/' || space_token || '/tasks'
    group by all
),

forgotten as (
    select
        space_token,
        count(*) as task_count
    from meta.forgotten
    where kind = 'task'
    group by all
),

known as (
    select space_token
    from spaces
    where deleted_at is null
    union
    select space_token
    from stored
    union
    select space_token
    from lists
)

select
    -- keys
    known.space_token,
    spaces.space_name,

    -- freshness
    lists.last_synced_at,
    date_diff('second', lists.last_synced_at, (select now_at from utc_clock)) as age_seconds,
    stored.newest_task_at,
    lists.pending_sweep,
    lists.sweep_completed_at,
    lists.last_error,

    -- completeness
    coalesce(stored.task_count, 0) as task_count,
    lists.api_count,
    coalesce(forgotten.task_count, 0) as forgotten_count,
    lists.api_count - coalesce(stored.task_count, 0) - forgotten_count as count_difference,
    lists.explained_gap,
    coalesce(stored.deleted_count, 0) as deleted_count

from known
left join spaces on known.space_token = spaces.space_token
left join stored on known.space_token = stored.space_token
left join forgotten on known.space_token = forgotten.space_token
left join lists on known.space_token = lists.space_token;

comment on view sync_freshness is 'One row per space: how fresh and how complete its stored data is.';
