-- One row per task with execution type call that the API still lists, with the flags that all other views count.
create or replace view calls as

select
    -- keys
    task_id,
    space_token,
    run_id,
    agent_handle,
    call_id,
    contact_key,
    ref_id,
    referenced_task_id,

    -- contact
    contact_name,
    contact_number,
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
    created_at,
    scheduled_at,
    started_at,
    ended_at,
    changed_at,
    coalesce(started_local_date, created_local_date) as local_date,
    started_local_hour,
    started_local_weekday,

    -- result
    outcome,
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
    summary,
    recording_url,
    duration_seconds,
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
where
    execution_type = 'call'
    and deleted_at is null;

comment on view calls is
'One row per task with execution type call that the API still lists, with the flags that all other views count.';
comment on column calls.task_id is 'Unique task identifier; the key.';
comment on column calls.space_token is 'Space in whose list the task stands.';
comment on column calls.run_id is 'Run the task belongs to.';
comment on column calls.agent_handle is 'Agent the task is assigned to; NULL when none is.';
comment on column calls.call_id is 'Call identifier, when sent.';
comment on column calls.contact_key is
'Contact number normalised, so that spellings of one number are one contact. Source: tasks.contact_number. '
'Caveat: a national number of ten digits takes the country of the configured time zone, so that the key can be '
'another in another zone.';
comment on column calls.ref_id is 'Reference to the contact document.';
comment on column calls.referenced_task_id is 'Task this one follows up.';
comment on column calls.contact_name is 'Contact''s name.';
comment on column calls.contact_number is 'Contact''s number as text, as sent.';
comment on column calls.contact_email is 'Contact''s e-mail address.';
comment on column calls.status is 'Task status, folded; may go backwards.';
comment on column calls.status_label is 'Task status as sent.';
comment on column calls.run_mode is 'Execution mode as sent.';
comment on column calls.call_type is 'inbound, outbound, sdk, …, normalised.';
comment on column calls.call_status is 'Call status, folded.';
comment on column calls.call_status_label is 'Call status as sent.';
comment on column calls.call_end_reason is 'Why the call ended, as sent.';
comment on column calls.error_message is 'Error of the call, when it had one.';
comment on column calls.output_message is 'Message of the output, when it has one.';
comment on column calls.last_failure_reason is 'Last failure as sent.';
comment on column calls.retry_attempt is 'Retry counter as sent. Source: tasks.retry_attempt.';
comment on column calls.redial_count is 'Instant redials as sent. Source: tasks.redial_count.';
comment on column calls.has_analysis is 'Whether a post-call analysis with content is there.';
comment on column calls.created_at is 'Creation of the task (UTC).';
comment on column calls.scheduled_at is 'When the task is scheduled for (UTC).';
comment on column calls.started_at is 'Start of the call (UTC).';
comment on column calls.ended_at is 'End of the call (UTC).';
comment on column calls.changed_at is 'When a sync last found the task changed (UTC).';
comment on column calls.local_date is
'Date of the call''s start in the configured time zone; of the task''s creation when it has no start.';
comment on column calls.started_local_hour is 'Hour of the call''s start (0 to 23) in the configured time zone.';
comment on column calls.started_local_weekday is
'Weekday of the call''s start in the configured time zone, 1 Monday to 7 Sunday.';
comment on column calls.outcome is
'Outcome normalised: interested, call_back, send_details, not_interested, not_connected, abandoned, dropped, error, '
'other; NULL when none was sent. The label Connected is other: it says that the call connected, not what came of it. '
'Source: tasks.outcome. Caveat: a model wrote it, and it may contradict the flags.';
comment on column calls.outcome_label is 'Outcome as sent.';
comment on column calls.sentiment is 'Sentiment as sent, folded.';
comment on column calls.success_label is 'Success evaluation as sent, as text.';
comment on column calls.success_score is
'Success evaluation when it is or reads as a number. Source: tasks.success_score. '
'Caveat: on the scale in success_score_scale; compare success_points instead.';
comment on column calls.success_score_scale is
'Scale the evaluation named: 10 for 8/10, 100 for 80%; NULL when it named none.';
comment on column calls.success_points is
'Success evaluation from 0 to 10. Source: tasks.success_score, tasks.success_score_scale. '
'Caveat: a number without a scale is read as of 10; NULL when it lies outside its scale.';
comment on column calls.callback_at is
'Time the contact asked to be called back (UTC), when it can be read; a time sent without a zone is in the configured '
'time zone. Source: tasks.callback_at. Caveat: a model wrote it down, perhaps in the contact''s own zone.';
comment on column calls.callback_label is 'Callback time as sent.';
comment on column calls.labels is 'Classification labels, comma-separated.';
comment on column calls.summary is 'Summary of the call.';
comment on column calls.recording_url is 'Recording.';
comment on column calls.duration_seconds is
'Duration: as sent when plausible, else end less start, else NULL. Source: tasks.duration_seconds. '
'Caveat: refused values are in meta.rejects.';
comment on column calls.cost is
'Cost as sent. Source: tasks.cost. Caveat: without currency; some accounts send none or always 0.';
comment on column calls.message_count is
'Messages of the transcript; NULL without a transcript. Source: tasks.message_count.';
comment on column calls.turn_count is
'Changes of speaker between agent and user, plus one. Source: tasks.turn_count.';
comment on column calls.user_turn_count is
'Turns of the user: consecutive messages of the user are one turn; NULL without a transcript. '
'Source: tasks.user_turn_count.';
comment on column calls.user_message_count is
'Messages of role user; NULL without a transcript. Source: tasks.user_message_count.';
comment on column calls.agent_message_count is
'Messages of role agent; NULL without a transcript. Source: tasks.agent_message_count.';
comment on column calls.user_characters is 'Characters said by the user. Source: tasks.user_characters.';
comment on column calls.agent_characters is 'Characters said by the agent. Source: tasks.agent_characters.';
comment on column calls.agent_talk_share is
'Characters of the agent / characters of agent and user. Source: tasks.agent_characters, tasks.user_characters. '
'Caveat: counts characters, not time.';
comment on column calls.reply_gap_p50_seconds is
'Median time between a message and the next of the other side. Source: tasks.reply_gap_p50_seconds. '
'Caveat: neither latency nor silence; message times mark when text was stored. NULL without them.';
comment on column calls.longest_gap_seconds is
'Longest time between two consecutive messages. Source: tasks.longest_gap_seconds. '
'Caveat: neither latency nor silence; message times mark when text was stored. NULL without them.';
comment on column calls.timed_message_count is 'Messages with a readable time. Source: tasks.timed_message_count.';
comment on column calls.timed_message_share is
'Messages with a readable time / messages: the coverage of the gaps. '
'Source: tasks.timed_message_count, tasks.message_count.';
comment on column calls.is_dialed is
'A start or an end reason is known, or the output carries an error of the call, or it reached a voicemail. '
'Source: tasks.is_dialed, tasks.is_voicemail.';
comment on column calls.is_voicemail is
'The call status is voicemail, or end reason, error or message says so. Source: tasks.is_voicemail.';
comment on column calls.is_connected is
'Dialed, no voicemail, and at least one message of the user. '
'Source: tasks.is_dialed, tasks.is_voicemail, tasks.user_message_count. '
'Caveat: a call whose transcript never came is not connected.';
comment on column calls.is_answered is
'Connected or voicemail. Source: tasks.is_dialed, tasks.is_voicemail, tasks.user_message_count.';
comment on column calls.is_engaged is
'Connected, and more turns of the user than the setting engaged_user_turns; consecutive messages are one turn. '
'Source: calls.is_connected, tasks.user_turn_count, meta.settings.';
comment on column calls.is_short is
'Connected, and shorter than the setting short_call_seconds. '
'Source: calls.is_connected, tasks.duration_seconds, meta.settings. Caveat: false when the duration is not known.';
comment on column calls.is_interested is
'Connected, with outcome interested. Source: calls.is_connected, tasks.outcome. '
'Caveat: a label of interest on a call in which nobody spoke does not count.';
comment on column calls.is_successful is
'success_points is at least the setting success_min_score. Source: calls.success_points, meta.settings. '
'Caveat: false when there is no score.';
comment on column calls.is_terminal is
'Status is completed, failed or partially_completed. Source: tasks.status. Caveat: redials reopen finished tasks.';
comment on column calls.is_final is
'Terminal, and a completed call has its analysis. Source: tasks.status, tasks.has_analysis. '
'Caveat: some analyses never come.';
