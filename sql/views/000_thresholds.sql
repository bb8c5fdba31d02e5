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
    max(try_cast(value as double)) filter (where name = 'anomaly_sigmas_high') as anomaly_sigmas_high,
    max(try_cast(value as bigint)) filter (where name = 'caller_number_min_n') as caller_number_min_n,
    max(try_cast(value as double)) filter (where name = 'caller_number_sigmas') as caller_number_sigmas,

    -- compliance: the setting's own number, else that of the preset
    coalesce(
        max(try_cast(value as double)) filter (where name = 'permitted_from_hour'),
        max(presets.permitted_from_hour)
    ) as permitted_from_hour,
    coalesce(
        max(try_cast(value as double)) filter (where name = 'permitted_until_hour'),
        max(presets.permitted_until_hour)
    ) as permitted_until_hour,
    coalesce(
        max(try_cast(value as bigint)) filter (where name = 'max_dials_per_day'),
        max(presets.max_dials_per_day)
    ) as max_dials_per_day,
    coalesce(
        max(try_cast(value as bigint)) filter (where name = 'max_dials_per_week'),
        max(presets.max_dials_per_week)
    ) as max_dials_per_week

from meta.settings
left join compliance_presets as presets on name = 'compliance_preset' and value = presets.preset;

comment on view thresholds is 'One row: the settings that the views read, as numbers. Change them in meta.settings.';
