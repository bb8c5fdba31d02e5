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
'One row per task and attempt: each dial of a call as the syncs saw it, and its result. A dial that came and went '
'between two syncs is not here; the numbers leave room for it where the counters tell.';
comment on column attempts.task_id is 'Task.';
comment on column attempts.attempt is
'Number of the dial, from 1: its place among the dials seen (by retry counter, redials, the sync that saw it first, '
'then start), moved up by those that only the counters know. '
'Source: task_versions.call_id, task_versions.started_at, task_versions.retry_attempt, task_versions.redial_count. '
'Caveat: the counters also count retries of tasks that were stuck before dialing.';
comment on column attempts.space_token is 'Space.';
comment on column attempts.run_id is 'Run.';
comment on column attempts.agent_handle is 'Agent.';
comment on column attempts.contact_key is 'Contact number, normalised.';
comment on column attempts.call_id is 'Call identifier, when sent.';
comment on column attempts.observed_at is 'When a sync first saw this dial (UTC).';
comment on column attempts.started_at is 'Start of the dial (UTC), when sent.';
comment on column attempts.ended_at is 'End of the dial (UTC), when sent.';
comment on column attempts.local_date is 'Date of the start in the configured time zone.';
comment on column attempts.local_hour is 'Hour of the start in the configured time zone.';
comment on column attempts.status is 'Status of the task when the dial was last seen.';
comment on column attempts.call_status is 'Call status of the dial, folded.';
comment on column attempts.call_end_reason is 'Why the dial ended, as sent.';
comment on column attempts.error_message is 'Error of the dial, when it had one.';
comment on column attempts.outcome is 'Outcome of the dial, normalised.';
comment on column attempts.duration_seconds is 'Duration of the dial. Source: task_versions.duration_seconds.';
comment on column attempts.retry_attempt is
'Retry counter when the dial was last seen. Source: task_versions.retry_attempt.';
comment on column attempts.redial_count is
'Instant redials when the dial was last seen. Source: task_versions.redial_count.';
comment on column attempts.is_voicemail is 'The dial reached a voicemail. Source: task_versions.is_voicemail.';
comment on column attempts.is_connected is
'The user spoke, and it was no voicemail. Source: task_versions.is_voicemail, task_versions.user_message_count.';
comment on column attempts.is_approximate is
'An earlier dial of the task is known only from the counters. Source: attempts.attempt.';
