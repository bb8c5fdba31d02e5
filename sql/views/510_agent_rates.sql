-- One row per agent and measure: a rate and its 95% Wilson interval.
create or replace view agent_rates as

with constants as (
    -- the 97.5% point of the normal distribution: 95% of it lies within plus and minus z
    select 1.959963984540054::double as z
),

totals as (
    select
        agent_handle,
        count(distinct local_date) filter (where dialed_count > 0) as day_count,
        sum(dialed_count)::bigint as dialed_count,
        sum(connected_count)::bigint as connected_count,
        sum(interested_count)::bigint as interested_count,
        sum(scored_count)::bigint as scored_count,
        sum(successful_count)::bigint as successful_count
    from call_counts
    where agent_handle is not null
    group by all
),

samples as (
    select
        totals.agent_handle,
        measures.measure,
        totals.day_count,
        case measures.measure
            when 'connect' then totals.connected_count
            when 'interested' then totals.interested_count
            when 'success' then totals.successful_count
        end as hit_count,
        case measures.measure
            when 'connect' then totals.dialed_count
            when 'interested' then totals.connected_count
            when 'success' then totals.scored_count
        end as case_count
    from totals
    cross join (values ('connect'), ('interested'), ('success')) as measures (measure)
    union all
    select
        agent_handle,
        'completion' as measure,
        null as day_count,
        completed_tasks as hit_count,
        total_tasks as case_count
    from agent_completion
    where agent_handle is not null
),

wilson as (
    select
        samples.*,
        samples.hit_count::double / nullif(samples.case_count, 0) as rate,
        1 + constants.z * constants.z / nullif(samples.case_count, 0) as scale,
        (rate + constants.z * constants.z / (2 * nullif(samples.case_count, 0))) / scale as centre,
        constants.z / scale * sqrt(
            rate * (1 - rate) / nullif(samples.case_count, 0)
            + constants.z * constants.z / (4 * nullif(samples.case_count, 0)::double * samples.case_count)
        ) as margin
    from samples
    cross join constants
)

select
    -- keys
    agent_handle,
    measure,

    -- measures
    day_count,
    hit_count,
    case_count,
    rate,
    case when rate is not null then greatest(centre - margin, 0) end as rate_low,
    case when rate is not null then least(centre + margin, 1) end as rate_high

from wilson;

comment on view agent_rates is 'One row per agent and measure: a rate and its 95% Wilson interval.';
