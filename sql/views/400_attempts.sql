-- One row per task and attempt: each dial of a call as the syncs saw it, and its result.
create or replace view attempts as

-- A dial has its call id or its start; versions without both belong to the dial of their round of retries.
with versions as (
    select
        *,
        coalesce(retry_attempt, 0) + coalesce(redial_count, 0) as round_number,
        coalesce(status in ('pending', 'scheduled', 'queued', 'hold'), false) as is_waiting
    from task_versions
    where
        execution_type = 'call'
        and is_dialed
),

named as (
    select
        *,
        coalesce(
            call_id,
            max(call_id) filter (where not is_waiting) over (partition by task_id, round_number),
            strftime(started_at, '%Y-%m-%d %H:%M:%S'),
            strftime(
                max(started_at) filter (where not is_waiting) over (partition by task_id, round_number),
                '%Y-%m-%d %H:%M:%S'
            ),
            'round ' || round_number
        ) as dial_name
    from versions
    -- a waiting version still carries the previous dial; without a name it says nothing new
    where not is_waiting or call_id is not null or started_at is not null
),

-- the last version of each dial holds its result
dials as (
    select
        *,
        min(observed_at) over (partition by task_id, dial_name) as first_observed_at,
        min(round_number) over (partition by task_id, dial_name) as first_round
    from named
    qualify
        row_number() over (
            partition by task_id, dial_name
            order by observed_at desc, modified_at desc nulls last, content_hash asc
        ) = 1
),

numbered as (
    select
        *,
        row_number() over (
            partition by task_id
            order by coalesce(started_at, first_observed_at), first_observed_at, dial_name
        ) as seen_number
    from dials
),

-- the counters know of dials that fell between two syncs
placed as (
    select
        *,
        greatest(
            0,
            max(first_round + 1 - seen_number) over (
                partition by task_id
                order by seen_number
                rows between unbounded preceding and current row
            )
        ) as unseen_count
    from numbered
)

select
    -- keys
    placed.task_id,
    (placed.seen_number + placed.unseen_count)::bigint as attempt,
    placed.space_token,
    placed.run_id,
    placed.agent_handle,
    placed.contact_key,
    placed.call_id,

    -- times
    placed.first_observed_at as observed_at,
    placed.started_at,
    placed.ended_at,
    placed.started_local_date as local_date,
    placed.started_local_hour as local_hour,

    -- result
    placed.status,
    placed.call_status,
    placed.call_end_reason,
    placed.error_message,
    placed.outcome,
    placed.duration_seconds,
    placed.retry_attempt,
    placed.redial_count,
    placed.is_voicemail is true as is_voicemail,
    placed.is_voicemail is not true and coalesce(placed.user_message_count, 0) > 0 as is_connected,
    placed.unseen_count > 0 as is_approximate

from placed
semi join calls on placed.task_id = calls.task_id;

comment on view attempts is
'One row per task and attempt: each dial of a call as the syncs saw it, and its result. A dial that came and went '
'between two syncs is not here; the numbers leave room for it where the counters tell.';
comment on column attempts.task_id is 'Task.';
comment on column attempts.attempt is
'Number of the dial, from 1: its place among the dials seen, moved up by those that only the counters know. '
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
