-- One row per task with execution type call that the API still lists, with the flags that all other views count.
create or replace view calls as

select
    -- for people
    started_local_at,
    spaces.space_name,
    agents.agent_name,
    contact_name,
    contact_number,
    caller_number,
    outcome,
    duration_seconds,
    summary,

    -- keys
    task_id,
    tasks.space_token,
    run_id,
    tasks.agent_handle,
    call_id,
    contact_key,
    ref_id,
    referenced_task_id,
    contact_email,

    -- state
    status,
    status_label,
    run_mode,
    call_type,
    call_status,
    call_status_label,
    call_end_reason,
    error_message,
    output_message,
    last_failure_reason,
    retry_attempt,
    redial_count,
    has_analysis,

    -- times
    tasks.created_at,
    scheduled_at,
    started_at,
    ended_at,
    tasks.changed_at,
    coalesce(started_local_date, created_local_date) as local_date,
    started_local_hour,
    started_local_weekday,

    -- result
    outcome_label,
    sentiment,
    success_label,
    success_score,
    success_score_scale,
    case
        when success_score between 0 and coalesce(success_score_scale, 10)
            then success_score * 10 / nullif(coalesce(success_score_scale, 10), 0)
    end as success_points,
    callback_at,
    callback_label,
    labels,
    recording_url,
    cost,

    -- conversation
    message_count,
    turn_count,
    user_turn_count,
    user_message_count,
    agent_message_count,
    user_characters,
    agent_characters,
    agent_characters::double / nullif(agent_characters + user_characters, 0) as agent_talk_share,
    reply_gap_p50_seconds,
    longest_gap_seconds,
    timed_message_count,
    timed_message_count::double / nullif(message_count, 0) as timed_message_share,

    -- flags, never NULL
    is_dialed is true or is_voicemail is true as is_dialed,
    is_voicemail is true as is_voicemail,
    is_dialed is true and is_voicemail is not true and coalesce(user_message_count, 0) > 0 as is_connected,
    is_connected or is_voicemail is true as is_answered,
    is_connected
    and coalesce(user_turn_count > (select engaged_user_turns from thresholds), false) as is_engaged,
    is_connected
    and coalesce(duration_seconds < (select short_call_seconds from thresholds), false) as is_short,
    is_connected and coalesce(outcome = 'interested', false) as is_interested,
    coalesce(success_points >= (select success_min_score from thresholds), false) as is_successful,
    coalesce(status in ('completed', 'failed', 'partially_completed'), false) as is_terminal,
    is_terminal and (status <> 'completed' or has_analysis is true) as is_final

from tasks
left join agents on tasks.agent_handle = agents.agent_handle
left join spaces on tasks.space_token = spaces.space_token
where
    execution_type = 'call'
    and tasks.deleted_at is null;

comment on view calls is
'One row per task with execution type call that the API still lists, with the flags that all other views count.';
