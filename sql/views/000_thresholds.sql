-- One row: the settings that the views read, as numbers.
create or replace view thresholds as

select
    max(try_cast(value as bigint)) filter (where name = 'engaged_user_turns') as engaged_user_turns,
    max(try_cast(value as double)) filter (where name = 'short_call_seconds') as short_call_seconds,
    max(try_cast(value as double)) filter (where name = 'success_min_score') as success_min_score,
    max(try_cast(value as double)) filter (where name = 'reliable_width') as reliable_width,
    max(try_cast(value as bigint)) filter (where name = 'comparison_min_n') as comparison_min_n,
    max(try_cast(value as bigint)) filter (where name = 'comparison_min_days') as comparison_min_days,
    max(try_cast(value as bigint)) filter (where name = 'comparison_min_hits') as comparison_min_hits,
    max(try_cast(value as bigint)) filter (where name = 'late_change_days') as late_change_days,
    max(try_cast(value as bigint)) filter (where name = 'anomaly_days') as anomaly_days,
    max(try_cast(value as bigint)) filter (where name = 'anomaly_min_days') as anomaly_min_days,
    max(try_cast(value as bigint)) filter (where name = 'anomaly_min_n') as anomaly_min_n,
    max(try_cast(value as double)) filter (where name = 'anomaly_sigmas_low') as anomaly_sigmas_low,
    max(try_cast(value as double)) filter (where name = 'anomaly_sigmas_high') as anomaly_sigmas_high

from meta.settings;

comment on view thresholds is 'One row: the settings that the views read, as numbers. Change them in meta.settings.';
