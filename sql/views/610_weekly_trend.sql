-- One row per space and local ISO week: counts, rates and their change against the week before.
create or replace view weekly_trend as

with weeks as (
    select
        space_token,
        date_trunc('week', local_date)::date as week_start,
        sum(total_tasks)::bigint as total_tasks,
        sum(completed_tasks)::bigint as completed_tasks,
        sum(call_count)::bigint as call_count,
        sum(dialed_count)::bigint as dialed_count,
        sum(connected_count)::bigint as connected_count,
        sum(interested_count)::bigint as interested_count
    from daily_activity
    group by all
),

rates as (
    select
        *,
        completed_tasks::double / nullif(total_tasks, 0) as completion_rate,
        connected_count::double / nullif(dialed_count, 0) as connect_rate,
        interested_count::double / nullif(connected_count, 0) as interested_rate
    from weeks
)

select
    -- keys
    space_token,
    week_start,
    isoyear(week_start)::bigint as iso_year,
    week(week_start)::bigint as iso_week,

    -- measures
    total_tasks,
    completed_tasks,
    completion_rate,
    call_count,
    dialed_count,
    connected_count,
    connect_rate,
    interested_count,
    interested_rate,
    total_tasks - max(total_tasks) over week_before as total_tasks_change,
    dialed_count - max(dialed_count) over week_before as dialed_change,
    connected_count - max(connected_count) over week_before as connected_change,
    interested_count - max(interested_count) over week_before as interested_change,
    completion_rate - max(completion_rate) over week_before as completion_rate_change,
    connect_rate - max(connect_rate) over week_before as connect_rate_change,
    interested_rate - max(interested_rate) over week_before as interested_rate_change

from rates
window week_before as (
    partition by space_token
    order by week_start
    range between interval 7 days preceding and interval 7 days preceding
);

comment on view weekly_trend is
'One row per space and local ISO week: counts, rates and their change against the week before.';
comment on column weekly_trend.space_token is 'Space.';
comment on column weekly_trend.week_start is 'Monday of the week, in the configured time zone.';
comment on column weekly_trend.iso_year is 'ISO year of the week.';
comment on column weekly_trend.iso_week is 'ISO number of the week, 1 to 53.';
comment on column weekly_trend.total_tasks is
'Tasks created that week. Source: daily_activity.total_tasks. Caveat: the running week is not over.';
comment on column weekly_trend.completed_tasks is
'Of these, completed by now. Source: daily_activity.completed_tasks.';
comment on column weekly_trend.completion_rate is
'completed_tasks / total_tasks. Source: daily_activity. Caveat: tasks of young weeks may still complete.';
comment on column weekly_trend.call_count is
'Calls of that week, whether dialed or not. Source: daily_activity.call_count.';
comment on column weekly_trend.dialed_count is 'Of these, dialed. Source: daily_activity.dialed_count.';
comment on column weekly_trend.connected_count is 'Of these, connected. Source: daily_activity.connected_count.';
comment on column weekly_trend.connect_rate is 'connected_count / dialed_count. Source: daily_activity.';
comment on column weekly_trend.interested_count is
'Of the connected, those with outcome interested. Source: daily_activity.interested_count.';
comment on column weekly_trend.interested_rate is 'interested_count / connected_count. Source: daily_activity.';
comment on column weekly_trend.total_tasks_change is
'total_tasks less that of the week before; NULL when that week has no row. Source: daily_activity.total_tasks.';
comment on column weekly_trend.dialed_change is
'dialed_count less that of the week before. Source: daily_activity.dialed_count.';
comment on column weekly_trend.connected_change is
'connected_count less that of the week before. Source: daily_activity.connected_count.';
comment on column weekly_trend.interested_change is
'interested_count less that of the week before. Source: daily_activity.interested_count.';
comment on column weekly_trend.completion_rate_change is
'completion_rate less that of the week before. Source: daily_activity.';
comment on column weekly_trend.connect_rate_change is
'connect_rate less that of the week before. Source: daily_activity.';
comment on column weekly_trend.interested_rate_change is
'interested_rate less that of the week before. Source: daily_activity.';
