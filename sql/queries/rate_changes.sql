-- One row per label and measure: a rate in two periods, and the parts of the variance of its change.
-- `asked` is one row: since_before, since, until, by_part (whether also by space and agent).
with measured as (
    select
        space_token,
        agent_handle,
        local_date,
        coalesce(contact_key, task_id) as contact,
        unnest([
            struct_pack(
                measure := 'connect',
                hits := count(*) filter (where is_connected),
                cases := count(*) filter (where is_dialed)
            ),
            struct_pack(
                measure := 'engaged',
                hits := count(*) filter (where is_engaged),
                cases := count(*) filter (where is_connected)
            ),
            struct_pack(
                measure := 'interested',
                hits := count(*) filter (where is_interested),
                cases := count(*) filter (where is_connected)
            ),
            struct_pack(
                measure := 'successful',
                hits := count(*) filter (where is_successful),
                cases := count(success_points)
            )
        ]) as counts
    from part_calls
    inner join asked on part_calls.local_date between asked.since_before and asked.until
    group by space_token, agent_handle, local_date, contact
    union all
    select
        space_token,
        agent_handle,
        created_local_date as local_date,
        coalesce(contact_key, task_id) as contact,
        struct_pack(
            measure := 'completed', hits := count(*) filter (where status = 'completed'), cases := count(*)
        ) as counts
    from tasks
    inner join asked on tasks.created_local_date between asked.since_before and asked.until
    where tasks.deleted_at is null
    group by space_token, agent_handle, created_local_date, contact
),

-- the space and the agent of a label; * is any
labelled as (
    select
        concat(
            case when parts.every_space then '*' else measured.space_token end,
            chr(31),
            case when parts.every_agent then '*' else measured.agent_handle end
        ) as label,
        measured.counts.measure,
        measured.local_date >= asked.since as is_now,
        measured.local_date,
        measured.contact,
        measured.counts.hits,
        measured.counts.cases
    from measured
    cross join asked
    inner join
        (values (true, true), (true, false), (false, true), (false, false)) as parts (every_space, every_agent)
        on (parts.every_space and parts.every_agent) or asked.by_part
    where measured.counts.cases > 0
),

cells as materialized (
    select
        label,
        measure,
        is_now,
        local_date,
        contact,
        sum(hits) as hits,
        sum(cases) as cases
    from labelled
    group by all
),

rates as (
    select
        label,
        measure,
        is_now,
        sum(hits) as hits,
        sum(cases) as cases,
        count(distinct local_date) as days,
        sum(hits) / sum(cases) as rate
    from cells
    group by all
),

scores as materialized (
    select
        cells.*,
        rates.cases as all_cases,
        rates.days,
        case when cells.is_now then 1 else -1 end * (cells.hits - cells.cases * rates.rate) / rates.cases as score
    from cells
    inner join rates on cells.label = rates.label and cells.measure = rates.measure and cells.is_now = rates.is_now
),

by_day as (
    select
        label,
        measure,
        is_now,
        any_value(days) as days,
        sum(score) * any_value(all_cases) / nullif(any_value(all_cases) - sum(cases), 0) as pseudo
    from scores
    group by label, measure, is_now, local_date
),

days as (
    select
        label,
        measure,
        is_now,
        (any_value(days) - 1) / any_value(days) * sum(pseudo * pseudo) as variance
    from by_day
    group by all
),

contacts as (
    select
        label,
        measure,
        sum(score) as score
    from scores
    group by label, measure, contact
),

crossed as (
    select
        label,
        measure,
        count(*) / nullif(count(*) - 1, 0) * sum(score * score) as variance
    from contacts
    group by all
),

meets as (
    select
        label,
        measure,
        count(*) / nullif(count(*) - 1, 0) * sum(score * score) as variance
    from scores
    group by all
)

select
    now.label,
    now.measure,
    now.hits::bigint as hits,
    now.cases::bigint as cases,
    now.days,
    before.hits::bigint as hits_before,
    before.cases::bigint as cases_before,
    before.days as days_before,
    day_now.variance as day_variance,
    day_before.variance as day_variance_before,
    crossed.variance as contact_variance,
    meets.variance as both_variance
from rates as now
inner join rates as before on now.label = before.label and now.measure = before.measure and not before.is_now
inner join days as day_now on now.label = day_now.label and now.measure = day_now.measure and day_now.is_now
inner join days as day_before
    on now.label = day_before.label and now.measure = day_before.measure and not day_before.is_now
inner join crossed on now.label = crossed.label and now.measure = crossed.measure
inner join meets on now.label = meets.label and now.measure = meets.measure
where now.is_now
order by now.label, now.measure
