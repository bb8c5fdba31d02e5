-- One row per space and local date: its connect and completion rate against the days before it.
create or replace view daily_anomalies as

with rates as (
    select
        daily_activity.space_token,
        daily_activity.local_date,
        isodow(daily_activity.local_date) as weekday,
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
        -- a day of few cases is neither judged nor part of a baseline
        case when case_count >= thresholds.anomaly_min_n then rate end as judged_rate,
        case when judged_rate is not null then hit_count end as judged_hits,
        case when judged_rate is not null then case_count end as judged_cases,
        1 / judged_cases::double as per_case,
        to_days(thresholds.anomaly_days::integer) as baseline_span,
        thresholds.anomaly_min_days,
        thresholds.anomaly_sigmas_low,
        thresholds.anomaly_sigmas_high
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
        mad(judged_rate) over days_before as baseline_mad,
        sum(judged_hits) over days_before / nullif(sum(judged_cases) over days_before, 0)::double as baseline_rate,
        baseline_rate * (1 - baseline_rate) as case_variance,
        avg(per_case) over days_before as baseline_per_case,
        count(judged_rate) over weekdays_before as weekday_days,
        avg(judged_rate) over weekdays_before as weekday_rate,
        avg(per_case) over weekdays_before as weekday_per_case
    from rates
    window
        days_before as (
            partition by space_token, measure
            order by local_date
            range between baseline_span preceding and interval 1 day preceding
        ),
        weekdays_before as (
            partition by space_token, measure, weekday
            order by local_date
            range between baseline_span preceding and interval 1 day preceding
        )
),

-- Two parts of variance, as in Laney, Improved control charts for attributes, Quality Engineering 14 (2002) 531-537,
-- but added: chance within a day, which its own number of cases decides, and what days differ beyond chance. The latter
-- is the squared scaled MAD (1.4826 MAD is the standard deviation of a normal distribution) less the chance of the
-- baseline's days. Few days show a spread badly; the factor makes up for that (1.25 at 28 days, 5 at 7).
spreads as (
    select
        *,
        greatest(
            pow(1.4826 * baseline_mad, 2) * (1 + pow(14.0 / baseline_days, 2)) - case_variance * baseline_per_case,
            0
        ) as day_variance,
        sqrt(case_variance * per_case + day_variance) as sigma,
        -- the same weekday: the day's own deviation and that of the mean of its baseline
        sqrt(
            case_variance * per_case + day_variance
            + (case_variance * weekday_per_case + day_variance) / weekday_days
        ) as weekday_sigma,
        -- a rate near 0 or 1 strays farther to the middle: the first term of Cornish and Fisher (1938)
        (1 - 2 * baseline_rate) * per_case / 6 as skewness
    from baselines
),

-- a rate is usual within the limits of all days, and within two standard deviations of the same weekday
limits as (
    select
        *,
        baseline_days >= anomaly_min_days and weekday_days > 0 and judged_rate is not null as is_judged,
        case
            when is_judged
                then least(
                    baseline_median - anomaly_sigmas_low * sigma + (pow(anomaly_sigmas_low, 2) - 1) * skewness,
                    weekday_rate - 2 * weekday_sigma
                )
        end as rate_low,
        case
            when is_judged
                then greatest(
                    baseline_median + anomaly_sigmas_high * sigma + (pow(anomaly_sigmas_high, 2) - 1) * skewness,
                    weekday_rate + 2 * weekday_sigma
                )
        end as rate_high,
        -- a rate on the very edge is inside, whatever its last binary digit
        case
            when rate < rate_low - 1e-9 then 'low'
            when rate > rate_high + 1e-9 then 'high'
        end as direction
    from spreads
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
    bool_or(direction is not null) filter (where measure = 'connect' and is_judged) as is_connect_anomaly,
    max(direction) filter (where measure = 'connect') as connect_direction,
    max(case_count) filter (where measure = 'completion') as total_tasks,
    max(hit_count) filter (where measure = 'completion') as completed_tasks,
    max(rate) filter (where measure = 'completion') as completion_rate,
    max(baseline_days) filter (where measure = 'completion') as completion_baseline_days,
    max(baseline_median) filter (where measure = 'completion') as completion_rate_median,
    max(rate_low) filter (where measure = 'completion') as completion_rate_low,
    max(rate_high) filter (where measure = 'completion') as completion_rate_high,
    bool_or(direction is not null) filter (where measure = 'completion' and is_judged) as is_completion_anomaly,
    max(direction) filter (where measure = 'completion') as completion_direction,
    bool_or(direction is not null) filter (where is_judged) as is_anomaly,
    -- low comes before a high of the other rate
    max(direction) as direction

from limits
group by all;

comment on view daily_anomalies is
'One row per space and local date: its connect and completion rate against the days before it. On quiet days at most '
'one rate in a hundred is an anomaly, whether or not days or weekdays differ.';
