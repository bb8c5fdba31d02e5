-- One row per task and attempt: each dial of a call as the syncs saw it, and its result.
create or replace view attempts as

-- A dial has its call id or its start; versions without both belong to the dial of their round of retries.
with versions as (
    select
        rowid as version_row,
        task_id,
        call_id,
        started_at,
        observed_at,
        row_number() over (partition by task_id order by observed_at, rowid) as version_number,
        -- rounds of a task in their order, and how many the counters say came before
        dense_rank() over (
            partition by task_id
            order by coalesce(retry_attempt, 0), coalesce(redial_count, 0)
        ) as round_number,
        coalesce(retry_attempt, 0) + coalesce(redial_count, 0) as counted,
        coalesce(status in ('pending', 'scheduled', 'queued', 'hold'), false) as is_waiting
    from task_versions
    where
        execution_type = 'call'
        and (is_dialed or is_voicemail)
),

-- what is known of the dial of a round, for the versions that do not name theirs
nameless as (
    select distinct
        task_id,
        round_number
    from versions
    where call_id is null
),

rounds as (
    select
        nameless.task_id,
        nameless.round_number,
        max(versions.call_id) as call_id,
        max(versions.started_at) as started_at
    from nameless
    inner join versions
        on
            nameless.task_id = versions.task_id
            and nameless.round_number = versions.round_number
    where not versions.is_waiting
    group by all
),

named as (
    select
        versions.*,
        coalesce(
            versions.call_id,
            rounds.call_id,
            strftime(coalesce(versions.started_at, rounds.started_at), '%Y-%m-%d %H:%M:%S'),
            'round ' || versions.round_number
        ) as dial_name
    from versions
    left join rounds
        on
            versions.task_id = rounds.task_id
            and versions.round_number = rounds.round_number
            and versions.call_id is null
    -- a waiting version still shows the dial before; when it does not name that one, it tells nothing
    where
        not versions.is_waiting
        or versions.call_id is not null
        or versions.started_at is not null
),

-- the last version of a dial holds its result
dials as (
    select
        task_id,
        dial_name,
        min(started_at) as first_started_at,
        min(observed_at) as first_observed_at,
        min(round_number) as first_round,
        min(counted) as counted,
        arg_max(version_row, version_number) as last_row
    from named
    group by all
),

numbered as (
    select
        *,
        row_number() over (
            partition by task_id
            order by first_round, first_observed_at, first_started_at, dial_name
        ) as seen_number
    from dials
),

-- the counters know of dials that fell between two syncs
placed as (
    select
        *,
        greatest(
            0,
            max(counted + 1 - seen_number) over (
                partition by task_id
                order by seen_number
                rows between unbounded preceding and current row
            )
        ) as unseen_count
    from numbered
),

deleted as (
    select task_id
    from tasks
    where deleted_at is not null
)

select
    -- keys
    results.task_id,
    (placed.seen_number + placed.unseen_count)::bigint as attempt,
    results.space_token,
    results.run_id,
    results.agent_handle,
    results.contact_key,
    results.call_id,

    -- times
    placed.first_observed_at as observed_at,
    results.started_at,
    results.ended_at,
    results.started_local_date as local_date,
    results.started_local_hour as local_hour,

    -- result
    results.status,
    results.call_status,
    results.call_end_reason,
    results.error_message,
    results.outcome,
    results.duration_seconds,
    results.retry_attempt,
    results.redial_count,
    results.is_voicemail is true as is_voicemail,
    results.is_voicemail is not true and coalesce(results.user_message_count, 0) > 0 as is_connected,
    placed.unseen_count > 0 as is_approximate

from placed
inner join task_versions as results on placed.last_row = results.rowid
anti join deleted on results.task_id = deleted.task_id;

comment on view attempts is
'One row per task and attempt: each dial of a call as the syncs saw it, and its result. A dial that began and ended '
'between two syncs has no row; its number is left out where the counters show it.';
