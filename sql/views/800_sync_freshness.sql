-- One row per space: how fresh and how complete what is stored of it is.
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

comment on view sync_freshness is 'One row per space: how fresh and how complete what is stored of it is.';
comment on column sync_freshness.space_token is 'Space; the key.';
comment on column sync_freshness.space_name is 'Name of the space, when it was listed.';
comment on column sync_freshness.last_synced_at is 'When its list of tasks was last read without a failure (UTC).';
comment on column sync_freshness.age_seconds is
'Time since last_synced_at, at the moment of asking. Source: meta.bookmarks.last_synced_at.';
comment on column sync_freshness.newest_task_at is 'Creation of its newest task (UTC).';
comment on column sync_freshness.pending_sweep is
'What the sweep under way has still to read; NULL when none is under way. Source: meta.bookmarks.sweep_remaining.';
comment on column sync_freshness.sweep_completed_at is 'When every task was last verified by a complete sweep (UTC).';
comment on column sync_freshness.last_error is 'Why the last read failed; NULL when it did not.';
comment on column sync_freshness.task_count is
'Tasks stored and still listed. Source: tasks.task_id, tasks.deleted_at.';
comment on column sync_freshness.api_count is
'Tasks as the list itself counts them. Source: meta.bookmarks.api_count.';
comment on column sync_freshness.forgotten_count is
'Tasks of forgotten contacts: erased here, still counted by the list. Source: meta.forgotten.space_token.';
comment on column sync_freshness.count_difference is
'api_count - task_count - forgotten_count. Source: meta.bookmarks.api_count, tasks, meta.forgotten. '
'Caveat: tasks created since the last sync, and sweeps not yet complete, make it differ.';
comment on column sync_freshness.explained_gap is
'Difference that a complete sweep did not cure and that is therefore not chased. '
'Source: meta.bookmarks.explained_gap.';
comment on column sync_freshness.deleted_count is
'Tasks stored that a complete sweep no longer met. Source: tasks.deleted_at.';
