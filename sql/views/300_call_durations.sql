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
