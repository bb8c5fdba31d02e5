-- One row per space, agent and local date: calls and how long the connected ones took.
create or replace view call_durations as

select
    -- keys
    space_token,
    agent_handle,
    local_date,

    -- measures
    count(*) as call_count,
    count(*) filter (where is_connected) as connected_count,
    count(duration_seconds) filter (where is_connected) as duration_count,
    sum(duration_seconds) filter (where is_connected) as total_seconds,
    avg(duration_seconds) filter (where is_connected) as avg_seconds,
    median(duration_seconds) filter (where is_connected) as median_seconds,
    quantile_cont(duration_seconds, 0.9) filter (where is_connected) as p90_seconds,
    quantile_cont(duration_seconds, 0.95) filter (where is_connected) as p95_seconds,
    max(duration_seconds) filter (where is_connected) as max_seconds

from calls
group by all;

comment on view call_durations is
'One row per space, agent and local date: calls and how long the connected ones took.';
comment on column call_durations.space_token is 'Space.';
comment on column call_durations.agent_handle is 'Agent; NULL for calls without one.';
comment on column call_durations.local_date is
'Date of the call''s start in the configured time zone; of the task''s creation when it has no start.';
comment on column call_durations.call_count is 'Calls, whether dialed or not. Source: calls.task_id.';
comment on column call_durations.connected_count is 'Connected calls. Source: calls.is_connected.';
comment on column call_durations.duration_count is
'Connected calls with a known duration: what the figures in seconds rest on. '
'Source: calls.is_connected, calls.duration_seconds.';
comment on column call_durations.total_seconds is
'Time of the connected calls together. Source: calls.duration_seconds. Caveat: lacks the calls without a duration.';
comment on column call_durations.avg_seconds is 'total_seconds / duration_count. Source: calls.duration_seconds.';
comment on column call_durations.median_seconds is
'Half of the connected calls took no longer: quantile of type 7 (linear between the two values beside it). '
'Source: calls.duration_seconds.';
comment on column call_durations.p90_seconds is
'Nine in ten connected calls took no longer: quantile of type 7 (linear). Source: calls.duration_seconds.';
comment on column call_durations.p95_seconds is
'Nineteen in twenty connected calls took no longer: quantile of type 7 (linear). Source: calls.duration_seconds.';
comment on column call_durations.max_seconds is 'The longest connected call. Source: calls.duration_seconds.';
