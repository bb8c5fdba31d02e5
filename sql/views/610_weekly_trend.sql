-- One row per space and local ISO week: counts, rates and, between complete weeks, their change from week to week.
create or replace view weekly_trend as

with synced as (
    select
        space_token,
        max(last_synced_at) as last_synced_at
    from meta.bookmarks
    where resource = 'spaces/' || space_token || '/tasks'
    group by all
),

weeks as (
    select
        space_token,
        date_trunc('week', local_date)::date as week_start,
        sum(total_tasks)::bigint as total_tasks,
        sum(completed_tasks)::bigint as completed_tasks,
        sum(call_count)::bigint as call_count,
        sum(dialed_count)::bigint as dialed_count,
        sum(connected_count)::bigint as connected_count,
        sum(interested_count)::bigint as interested_count,
        min(local_date) as first_date
    from daily_activity
    group by all
),

rates as (
    select
        weeks.*,
        -- Over in every time zone when the space was last synced, or followed by a later week; the first week of a
        -- space is whole when it has a Monday.
        (
            week_start < max(week_start) over (partition by weeks.space_token)
            or coalesce(synced.last_synced_at >= week_start + interval 180 hours, false)
        )
        and (
            week_start > min(week_start) over (partition by weeks.space_token)
            or first_date = week_start
        ) as is_complete,
        completed_tasks::double / nullif(total_tasks, 0) as completion_rate,
        connected_count::double / nullif(dialed_count, 0) as connect_rate,
        interested_count::double / nullif(connected_count, 0) as interested_rate
    from weeks
    left join synced
        on weeks.space_token = synced.space_token
),

comparable as (
    -- what changes are taken of: the numbers of complete weeks
    select
        space_token,
        week_start,
        total_tasks,
        dialed_count,
        connected_count,
        interested_count,
        completion_rate,
        connect_rate,
        interested_rate
    from rates
    where is_complete
)

select
    -- keys
    rates.space_token,
    rates.week_start,
    isoyear(rates.week_start)::bigint as iso_year,
    week(rates.week_start)::bigint as iso_week,

    -- measures
    rates.is_complete,
    rates.total_tasks,
    rates.completed_tasks,
    rates.completion_rate,
    rates.call_count,
    rates.dialed_count,
    rates.connected_count,
    rates.connect_rate,
    rates.interested_count,
    rates.interested_rate,
    rates.total_tasks - earlier.total_tasks as total_tasks_change,
    rates.dialed_count - earlier.dialed_count as dialed_change,
    rates.connected_count - earlier.connected_count as connected_change,
    rates.interested_count - earlier.interested_count as interested_change,
    rates.completion_rate - earlier.completion_rate as completion_rate_change,
    rates.connect_rate - earlier.connect_rate as connect_rate_change,
    rates.interested_rate - earlier.interested_rate as interested_rate_change

from rates
left join comparable as earlier
    on
        rates.is_complete
        and rates.space_token is not distinct from earlier.space_token
        and rates.week_start = earlier.week_start + 7;

comment on view weekly_trend is
'One row per space and local ISO week: counts, rates and, between complete weeks, their change from week to week.';
