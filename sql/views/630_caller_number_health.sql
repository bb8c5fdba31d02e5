-- One row per space, caller number and local week: its connect rate against the other numbers on the same days.
create or replace view caller_number_health as

with number_days as (
    select
        space_token,
        caller_number,
        local_date,
        count(*) as dialed,
        count(*) filter (where is_connected) as connected
    from calls
    where
        is_dialed
        and coalesce(call_type not in ('inbound', 'sdk'), true)
        and caller_number is not null
        and local_date is not null
    group by all
),

space_days as (
    select
        space_token,
        local_date,
        sum(dialed)::double as all_dialed,
        sum(connected)::double as all_connected
    from number_days
    group by all
),

-- Mantel and Haenszel: what a number like the others would connect on these days, and how much that varies
weeks as (
    select
        number_days.space_token,
        number_days.caller_number,
        date_trunc('week', number_days.local_date)::date as week_start,
        sum(number_days.dialed)::bigint as dialed_count,
        sum(number_days.connected)::bigint as connected_count,
        sum(space_days.all_dialed - number_days.dialed)::bigint as other_dialed_count,
        sum(space_days.all_connected - number_days.connected)::bigint as other_connected_count,
        sum(number_days.dialed * space_days.all_connected / space_days.all_dialed) as expected_count,
        sum(
            number_days.dialed * (space_days.all_dialed - number_days.dialed)
            * space_days.all_connected * (space_days.all_dialed - space_days.all_connected)
            / nullif(space_days.all_dialed * space_days.all_dialed * (space_days.all_dialed - 1), 0)
        ) as variance
    from number_days
    inner join space_days
        on
            number_days.space_token = space_days.space_token
            and number_days.local_date = space_days.local_date
    group by all
)

select
    -- keys
    weeks.space_token,
    weeks.caller_number,
    weeks.week_start,

    -- measures
    weeks.dialed_count,
    weeks.connected_count,
    weeks.connected_count::double / nullif(weeks.dialed_count, 0) as connect_rate,
    wilson_low(weeks.connected_count, weeks.dialed_count) as connect_rate_low,
    wilson_high(weeks.connected_count, weeks.dialed_count) as connect_rate_high,
    weeks.other_dialed_count,
    weeks.other_connected_count,
    weeks.other_connected_count::double / nullif(weeks.other_dialed_count, 0) as other_connect_rate,
    weeks.expected_count,
    (weeks.connected_count - weeks.expected_count) / sqrt(nullif(weeks.variance, 0)) as deviation,
    case
        when
            weeks.dialed_count >= thresholds.caller_number_min_n
            and weeks.other_dialed_count >= thresholds.caller_number_min_n
            then coalesce(deviation <= -thresholds.caller_number_sigmas, false)
    end as is_low

from weeks
cross join thresholds;

comment on view caller_number_health is
'One row per space, caller number and local week: its connect rate against the other numbers on the same days.';
