-- One row per call with a transcript: how the conversation went, as far as its text shows.
create or replace view conversation_stats as

select
    -- keys
    task_id,
    space_token,
    run_id,
    agent_handle,
    local_date,

    -- result
    outcome,
    is_connected,
    is_engaged,
    duration_seconds,

    -- measures
    message_count,
    turn_count,
    user_turn_count,
    user_message_count,
    agent_message_count,
    user_characters,
    agent_characters,
    agent_talk_share,
    reply_gap_p50_seconds,
    longest_gap_seconds,
    timed_message_count,
    timed_message_share

from calls
where message_count is not null;

comment on view conversation_stats is
'One row per call with a transcript: how the conversation went, as far as its text shows.';
