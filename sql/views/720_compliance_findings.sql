-- One row per dial and rule that it may have broken: a list to review, not a verdict.
create or replace view compliance_findings as

with dials as materialized (
    select *
    from call_countries
),

zone_times as (
    select
        dials.task_id,
        country_zones.zone,
        dials.started_at + to_minutes(
            case
                when
                    country_zones.summer_from_at < country_zones.summer_until_at
                    and dials.started_at >= country_zones.summer_from_at
                    and dials.started_at < country_zones.summer_until_at
                    then country_zones.summer_minutes
                when
                    country_zones.summer_from_at > country_zones.summer_until_at
                    and (
                        dials.started_at >= country_zones.summer_from_at
                        or dials.started_at < country_zones.summer_until_at
                    )
                    then country_zones.summer_minutes
                else country_zones.winter_minutes
            end
        ) as local_at
    from dials
    inner join country_zones
        on
            dials.calling_code = country_zones.calling_code
            and year(dials.started_at) = country_zones.utc_year
    cross join thresholds
    where thresholds.permitted_from_hour > 0 or thresholds.permitted_until_hour < 24
),

hours as (
    select
        'outside_hours' as rule,
        zone_times.task_id,
        min(zone_times.local_at) as earliest_local_at,
        max(zone_times.local_at) as latest_local_at,
        null::bigint as dial_count,
        null::bigint as dial_limit,
        null::varchar as opt_out_task_id
    from zone_times
    cross join thresholds
    group by zone_times.task_id
    having
        -- outside in every zone of the country
        not bool_or(
            (epoch_us(zone_times.local_at) // 1000000) % 86400
            between thresholds.permitted_from_hour * 3600 and thresholds.permitted_until_hour * 3600
        )
),

days as (
    select
        'dials_per_day' as rule,
        dials.task_id,
        null::timestamp as earliest_local_at,
        null::timestamp as latest_local_at,
        row_number() over (
            partition by dials.contact_key, dials.local_date
            order by dials.dialed_at, dials.task_id
        ) as dial_count,
        thresholds.max_dials_per_day as dial_limit,
        null::varchar as opt_out_task_id
    from dials
    cross join thresholds
    where
        thresholds.max_dials_per_day > 0
        and dials.contact_key is not null
        and dials.local_date is not null
),

weeks as (
    select
        'dials_per_week' as rule,
        dials.task_id,
        null::timestamp as earliest_local_at,
        null::timestamp as latest_local_at,
        count(*) over (
            partition by dials.contact_key
            order by dials.dialed_at
            range between interval 604799 second preceding and current row
        ) as dial_count,
        thresholds.max_dials_per_week as dial_limit,
        null::varchar as opt_out_task_id
    from dials
    cross join thresholds
    where
        thresholds.max_dials_per_week > 0
        and dials.contact_key is not null
        and dials.dialed_at is not null
),

-- the first wish of each contact
wishes as (
    select
        candidates.contact_key,
        arg_min(candidates.task_id, coalesce(calls.started_at, calls.created_at)) as task_id,
        min(coalesce(calls.started_at, calls.created_at)) as called_at
    from opt_out_candidates as candidates
    inner join calls on candidates.task_id = calls.task_id
    where candidates.contact_key is not null
    group by candidates.contact_key
),

opt_outs as (
    select
        'after_opt_out' as rule,
        dials.task_id,
        null::timestamp as earliest_local_at,
        null::timestamp as latest_local_at,
        null::bigint as dial_count,
        null::bigint as dial_limit,
        wishes.task_id as opt_out_task_id
    from dials
    inner join wishes on dials.contact_key = wishes.contact_key
    where dials.dialed_at > wishes.called_at
),

findings as (
    from hours
    union all
    from days
    where dial_count > dial_limit
    union all
    from weeks
    where dial_count > dial_limit
    union all
    from opt_outs
)

select
    -- keys
    findings.rule,
    findings.task_id,
    dials.space_token,
    dials.run_id,
    dials.agent_handle,
    dials.contact_key,

    -- contact
    dials.contact_name,
    dials.contact_number,
    dials.calling_code,

    -- the finding
    dials.dialed_at,
    dials.local_date,
    findings.earliest_local_at,
    findings.latest_local_at,
    findings.dial_count,
    findings.dial_limit,
    findings.opt_out_task_id

from findings
inner join dials on findings.task_id = dials.task_id;

comment on view compliance_findings is
'One row per dial and rule that it may have broken: a list to review, not a verdict. The setting compliance_preset '
'(none by default) gives hours and caps; dials after an opt-out candidate are always listed. A redialed task is one '
'dial. Reads every message, which is slow with millions of them.';
