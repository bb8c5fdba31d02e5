-- One row per run that has calls: how long the connected calls and the whole run took.
create or replace view run_durations as

select
    -- keys
    run_id,
    min(space_token) as space_token,

    -- measures
    count(*) as call_count,
    count(*) filter (where is_connected) as connected_count,
    count(duration_seconds) filter (where is_connected) as duration_count,
    sum(duration_seconds) filter (where is_connected) as total_seconds,
    avg(duration_seconds) filter (where is_connected) as avg_seconds,
    median(duration_seconds) filter (where is_connected) as median_seconds,
    quantile_cont(duration_seconds, 0.9) filter (where is_connected) as p90_seconds,
    quantile_cont(duration_seconds, 0.95) filter (where is_connected) as p95_seconds,
    max(duration_seconds) filter (where is_connected) as max_seconds,
    min(started_at) filter (where is_dialed) as first_dialed_at,
    max(ended_at) filter (where is_dialed) as last_ended_at,
    count(*) filter (where is_dialed) as dialed_count,
    count(ended_at) filter (where is_dialed) as ended_count,
    case
        when ended_count = dialed_count and last_ended_at >= first_dialed_at
            then date_diff('microsecond', first_dialed_at, last_ended_at) / 1000000.0
    end::double as elapsed_seconds

from calls
where run_id is not null
group by all;

comment on view run_durations is
'One row per run that has calls: how long the connected calls and the whole run took.';
