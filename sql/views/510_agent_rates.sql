-- One row per agent and measure: a rate and its 95% Wilson interval.
create or replace view agent_rates as

with totals as (
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
)

select
    -- keys
    agent_handle,
    measure,

    -- measures
    day_count,
    hit_count,
    case_count,
    hit_count::double / nullif(case_count, 0) as rate,
    wilson_low(hit_count, case_count) as rate_low,
    wilson_high(hit_count, case_count) as rate_high

from samples;

comment on view agent_rates is 'One row per agent and measure: a rate and its 95% Wilson interval.';
