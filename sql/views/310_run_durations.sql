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
comment on column run_durations.run_id is 'Run; the key.';
comment on column run_durations.space_token is 'Space of its calls.';
comment on column run_durations.call_count is 'Calls, whether dialed or not. Source: calls.task_id.';
comment on column run_durations.connected_count is 'Connected calls. Source: calls.is_connected.';
comment on column run_durations.duration_count is
'Connected calls with a known duration: what the figures in seconds rest on. '
'Source: calls.is_connected, calls.duration_seconds.';
comment on column run_durations.total_seconds is
'Time of the connected calls together. Source: calls.duration_seconds. Caveat: lacks the calls without a duration.';
comment on column run_durations.avg_seconds is 'total_seconds / duration_count. Source: calls.duration_seconds.';
comment on column run_durations.median_seconds is
'Half of the connected calls took no longer: quantile of type 7 (linear between the two values beside it). '
'Source: calls.duration_seconds.';
comment on column run_durations.p90_seconds is
'Nine in ten connected calls took no longer: quantile of type 7 (linear). Source: calls.duration_seconds.';
comment on column run_durations.p95_seconds is
'Nineteen in twenty connected calls took no longer: quantile of type 7 (linear). Source: calls.duration_seconds.';
comment on column run_durations.max_seconds is 'The longest connected call. Source: calls.duration_seconds.';
comment on column run_durations.first_dialed_at is 'Start of the first dial (UTC).';
comment on column run_durations.last_ended_at is 'End of the last dialed call (UTC).';
comment on column run_durations.dialed_count is 'Dialed calls. Source: calls.is_dialed.';
comment on column run_durations.ended_count is
'Dialed calls whose end is known: elapsed_seconds needs all of them. Source: calls.is_dialed, calls.ended_at.';
comment on column run_durations.elapsed_seconds is
'From the first dial to the last end; NULL when the end of a dialed call is missing, or the last end lies before the '
'first dial. Source: calls.started_at, calls.ended_at. '
'Caveat: grows when a follow-up joins an old run; dials that failed often have no end, see ended_count.';
