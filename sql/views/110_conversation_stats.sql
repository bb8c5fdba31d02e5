-- One row per call with a transcript: how the conversation went, as far as text tells.
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
'One row per call with a transcript: how the conversation went, as far as text tells.';
comment on column conversation_stats.task_id is 'Task of the call; the key.';
comment on column conversation_stats.space_token is 'Space.';
comment on column conversation_stats.run_id is 'Run.';
comment on column conversation_stats.agent_handle is 'Agent.';
comment on column conversation_stats.local_date is
'Date of the call''s start in the configured time zone; of the task''s creation when it has no start.';
comment on column conversation_stats.outcome is 'Outcome, normalised.';
comment on column conversation_stats.is_connected is 'Whether the user spoke, see calls.';
comment on column conversation_stats.is_engaged is
'Whether the user had more turns than the setting engaged_user_turns, see calls.';
comment on column conversation_stats.duration_seconds is
'Duration: as sent when plausible, else end less start, else NULL. Source: tasks.duration_seconds. '
'Caveat: refused values are in meta.rejects.';
comment on column conversation_stats.message_count is
'Messages of the transcript; NULL without a transcript. Source: tasks.message_count.';
comment on column conversation_stats.turn_count is
'Changes of speaker between agent and user, plus one. Source: tasks.turn_count.';
comment on column conversation_stats.user_turn_count is
'Turns of the user: consecutive messages of the user are one turn; NULL without a transcript. '
'Source: tasks.user_turn_count.';
comment on column conversation_stats.user_message_count is
'Messages of role user; NULL without a transcript. Source: tasks.user_message_count.';
comment on column conversation_stats.agent_message_count is
'Messages of role agent; NULL without a transcript. Source: tasks.agent_message_count.';
comment on column conversation_stats.user_characters is 'Characters said by the user. Source: tasks.user_characters.';
comment on column conversation_stats.agent_characters is
'Characters said by the agent. Source: tasks.agent_characters.';
comment on column conversation_stats.agent_talk_share is
'Characters of the agent / characters of agent and user. Source: tasks.agent_characters, tasks.user_characters. '
'Caveat: counts characters, not time.';
comment on column conversation_stats.reply_gap_p50_seconds is
'Median time between a message and the next of the other side. Source: tasks.reply_gap_p50_seconds. '
'Caveat: neither latency nor silence; message times mark when text was stored. NULL without them.';
comment on column conversation_stats.longest_gap_seconds is
'Longest time between two consecutive messages. Source: tasks.longest_gap_seconds. '
'Caveat: neither latency nor silence; message times mark when text was stored. NULL without them.';
comment on column conversation_stats.timed_message_count is
'Messages with a readable time. Source: tasks.timed_message_count.';
comment on column conversation_stats.timed_message_share is
'Messages with a readable time / messages: the coverage of the gaps. '
'Source: tasks.timed_message_count, tasks.message_count.';
