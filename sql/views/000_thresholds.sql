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
comment on column thresholds.engaged_user_turns is
'A connected call with more turns of the user than this is engaged. Source: meta.settings.';
comment on column thresholds.short_call_seconds is
'A connected call shorter than this is short. Source: meta.settings.';
comment on column thresholds.success_min_score is
'A call scored at least this, of 10, is successful. Source: meta.settings.';
comment on column thresholds.reliable_width is
'A rate whose 95% interval is wider than this is marked as not reliable. Source: meta.settings.';
comment on column thresholds.comparison_min_n is
'Two agents are compared from this many cases each on. Source: meta.settings.';
comment on column thresholds.comparison_min_days is
'Two agents are compared from this many shared days on. Source: meta.settings.';
comment on column thresholds.comparison_min_hits is
'Two agents are compared from this many hits, and as many misses, of both together on. Source: meta.settings.';
comment on column thresholds.late_change_days is
'A task that changes this many days after its creation has changed late. Source: meta.settings.';
comment on column thresholds.anomaly_days is 'Days before a day that make its baseline. Source: meta.settings.';
comment on column thresholds.anomaly_min_days is
'A baseline of fewer days than this judges nothing. Source: meta.settings.';
comment on column thresholds.anomaly_min_n is
'A day with fewer cases than this is neither judged nor part of a baseline. Source: meta.settings.';
comment on column thresholds.anomaly_sigmas_low is
'Standard deviations below what is usual that make an anomaly. Source: meta.settings.';
comment on column thresholds.anomaly_sigmas_high is
'Standard deviations above what is usual that make an anomaly. Source: meta.settings.';
