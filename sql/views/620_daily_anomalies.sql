-- One row per space and local date: its connect and completion rate against the days before it.
create or replace view daily_anomalies as

with rates as (
    select
        daily_activity.space_token,
        daily_activity.local_date,
        measures.measure,
        case measures.measure
            when 'connect' then daily_activity.connected_count
            when 'completion' then daily_activity.completed_tasks
        end as hit_count,
        case measures.measure
            when 'connect' then daily_activity.dialed_count
            when 'completion' then daily_activity.total_tasks
        end as case_count,
        hit_count::double / nullif(case_count, 0) as rate,
        case when case_count >= thresholds.anomaly_min_n then rate end as judged_rate,
        to_days(thresholds.anomaly_days::integer) as baseline_span,
        thresholds.anomaly_min_days,
        thresholds.anomaly_mads
    from daily_activity
    cross join thresholds
    cross join (values ('connect'), ('completion')) as measures (measure)
),

-- the day itself is no part of its baseline
baselines as (
    select
        *,
        count(judged_rate) over days_before as baseline_days,
        median(judged_rate) over days_before as baseline_median,
        mad(judged_rate) over days_before as baseline_mad
    from rates
    window days_before as (
        partition by space_token, measure
        order by local_date
        range between baseline_span preceding and interval 1 day preceding
    )
),

judged as (
    select
        *,
        baseline_median - anomaly_mads * baseline_mad as rate_low,
        baseline_median + anomaly_mads * baseline_mad as rate_high,
        -- a rate on the very edge is inside, whatever its last binary digit
        case
            when baseline_days >= anomaly_min_days
                then judged_rate not between rate_low - 1e-9 and rate_high + 1e-9
        end as is_outside
    from baselines
)

select
    -- keys
    space_token,
    local_date,

    -- measures
    max(case_count) filter (where measure = 'connect') as dialed_count,
    max(hit_count) filter (where measure = 'connect') as connected_count,
    max(rate) filter (where measure = 'connect') as connect_rate,
    max(baseline_days) filter (where measure = 'connect') as connect_baseline_days,
    max(baseline_median) filter (where measure = 'connect') as connect_rate_median,
    max(rate_low) filter (where measure = 'connect') as connect_rate_low,
    max(rate_high) filter (where measure = 'connect') as connect_rate_high,
    bool_or(is_outside) filter (where measure = 'connect') as is_connect_anomaly,
    max(case_count) filter (where measure = 'completion') as total_tasks,
    max(hit_count) filter (where measure = 'completion') as completed_tasks,
    max(rate) filter (where measure = 'completion') as completion_rate,
    max(baseline_days) filter (where measure = 'completion') as completion_baseline_days,
    max(baseline_median) filter (where measure = 'completion') as completion_rate_median,
    max(rate_low) filter (where measure = 'completion') as completion_rate_low,
    max(rate_high) filter (where measure = 'completion') as completion_rate_high,
    bool_or(is_outside) filter (where measure = 'completion') as is_completion_anomaly,
    bool_or(is_outside) as is_anomaly

from judged
group by all;

comment on view daily_anomalies is
'One row per space and local date: its connect and completion rate against the median of the days before it, plus '
'and minus a multiple of their median absolute deviation.';
comment on column daily_anomalies.space_token is 'Space.';
comment on column daily_anomalies.local_date is 'Date in the configured time zone.';
comment on column daily_anomalies.dialed_count is 'Dialed calls of that day. Source: daily_activity.dialed_count.';
comment on column daily_anomalies.connected_count is 'Of these, connected. Source: daily_activity.connected_count.';
comment on column daily_anomalies.total_tasks is 'Tasks created that day. Source: daily_activity.total_tasks.';
comment on column daily_anomalies.completed_tasks is
'Of these, completed by now. Source: daily_activity.completed_tasks.';
comment on column daily_anomalies.connect_rate is 'connected_count / dialed_count. Source: daily_activity.';
comment on column daily_anomalies.completion_rate is
'completed_tasks / total_tasks. Source: daily_activity. Caveat: the tasks of the last days may still complete.';
comment on column daily_anomalies.is_anomaly is
'One of the two rates is an anomaly; NULL when neither can be judged. Source: daily_activity, meta.settings.';
comment on column daily_anomalies.connect_baseline_days is
'Days of the baseline: those of the last anomaly_days before it with at least anomaly_min_n cases. '
'Source: daily_activity, meta.settings.';
comment on column daily_anomalies.connect_rate_median is
'Median of connect_rate over the baseline. Source: daily_activity, meta.settings.';
comment on column daily_anomalies.connect_rate_low is
'The median less anomaly_mads times the median absolute deviation. Source: daily_activity, meta.settings. '
'Caveat: may lie below 0.';
comment on column daily_anomalies.connect_rate_high is
'The median plus anomaly_mads times the median absolute deviation. Source: daily_activity, meta.settings. '
'Caveat: may lie above 1.';
comment on column daily_anomalies.is_connect_anomaly is
'The rate lies outside the two; NULL when the day has fewer cases than anomaly_min_n or its baseline fewer days '
'than anomaly_min_days. Source: daily_activity, meta.settings. '
'Caveat: a baseline of equal days makes any change an anomaly.';
comment on column daily_anomalies.completion_baseline_days is
'Days of the baseline: those of the last anomaly_days before it with at least anomaly_min_n cases. '
'Source: daily_activity, meta.settings.';
comment on column daily_anomalies.completion_rate_median is
'Median of completion_rate over the baseline. Source: daily_activity, meta.settings.';
comment on column daily_anomalies.completion_rate_low is
'The median less anomaly_mads times the median absolute deviation. Source: daily_activity, meta.settings. '
'Caveat: may lie below 0.';
comment on column daily_anomalies.completion_rate_high is
'The median plus anomaly_mads times the median absolute deviation. Source: daily_activity, meta.settings. '
'Caveat: may lie above 1.';
comment on column daily_anomalies.is_completion_anomaly is
'The rate lies outside the two; NULL when the day has fewer cases than anomaly_min_n or its baseline fewer days '
'than anomaly_min_days. Source: daily_activity, meta.settings. '
'Caveat: a baseline of equal days makes any change an anomaly.';
