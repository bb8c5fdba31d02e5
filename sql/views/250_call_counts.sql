-- One row per space, agent and local date: calls by what became of them, the ground of all call rates.
create or replace view call_counts as

select
    -- keys
    space_token,
    agent_handle,
    local_date,

    -- measures
    count(*) as call_count,
    count(*) filter (where is_dialed) as dialed_count,
    count(*) filter (where is_answered) as answered_count,
    count(*) filter (where is_voicemail) as voicemail_count,
    count(*) filter (where is_connected) as connected_count,
    count(*) filter (where is_engaged) as engaged_count,
    count(*) filter (where is_short) as short_count,
    count(*) filter (where is_interested) as interested_count,
    count(*) filter (where is_engaged and is_interested) as engaged_interested_count,
    count(success_points) as scored_count,
    count(*) filter (where is_successful) as successful_count,
    count(cost) as costed_count,
    sum(nullif(cost, 0)) as total_cost

from calls
group by all;

comment on view call_counts is
'One row per space, agent and local date: calls by what became of them, the ground of all call rates.';
comment on column call_counts.space_token is 'Space.';
comment on column call_counts.agent_handle is 'Agent; NULL for calls without one.';
comment on column call_counts.local_date is
'Date of the call''s start in the configured time zone; of the task''s creation when it has no start.';
comment on column call_counts.call_count is 'Calls, whether dialed or not. Source: calls.task_id.';
comment on column call_counts.dialed_count is 'Dialed calls. Source: calls.is_dialed.';
comment on column call_counts.answered_count is 'Answered calls: connected or voicemail. Source: calls.is_answered.';
comment on column call_counts.voicemail_count is 'Calls that reached a voicemail. Source: calls.is_voicemail.';
comment on column call_counts.connected_count is 'Connected calls: the user spoke. Source: calls.is_connected.';
comment on column call_counts.engaged_count is
'Engaged calls. Source: calls.is_engaged, meta.settings (engaged_user_turns).';
comment on column call_counts.short_count is
'Short connected calls. Source: calls.is_short, meta.settings (short_call_seconds).';
comment on column call_counts.interested_count is
'Connected calls with outcome interested. Source: calls.is_interested.';
comment on column call_counts.engaged_interested_count is
'Engaged calls with outcome interested. Source: calls.is_engaged, calls.is_interested.';
comment on column call_counts.scored_count is
'Calls with a success score that can be read. Source: calls.success_points.';
comment on column call_counts.successful_count is
'Calls with a good success score. Source: calls.is_successful, meta.settings (success_min_score).';
comment on column call_counts.costed_count is 'Calls with a cost, 0 included. Source: calls.cost.';
comment on column call_counts.total_cost is
'Cost of the calls; NULL when every cost is 0 or absent. Source: calls.cost. Caveat: without currency.';
