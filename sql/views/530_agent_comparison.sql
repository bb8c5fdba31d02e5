-- One row per pair of agents that dialed in the same space on the same days: how far apart their rates are there.
create or replace view agent_comparison as

with strata as materialized (
    -- a stratum is a space on a local date: calls are compared within one only
    select
        call_counts.space_token,
        call_counts.local_date,
        call_counts.agent_handle,
        measures.measure,
        case measures.measure
            when 'connect' then call_counts.connected_count
            when 'interested' then call_counts.interested_count
        end::double as hits,
        case measures.measure
            when 'connect' then call_counts.dialed_count
            when 'interested' then call_counts.connected_count
        end::double as cases
    from call_counts
    cross join (values ('connect'), ('interested')) as measures (measure)
    where
        call_counts.agent_handle is not null
        and call_counts.local_date is not null
        and call_counts.dialed_count > 0
),

-- Design effect: how much more the rates of an agent vary because contacts are called on several days, the variance of
-- sums per contact over that of sums per contact and day. Kish, Survey Sampling (1965); Rao and Scott, A simple method
-- for the analysis of clustered binary data, Biometrics 48 (1992) 577-585.
contact_days as (
    select
        space_token,
        local_date,
        agent_handle,
        contact_key,
        count(*) as dialed_count,
        count(*) filter (where is_connected) as connected_count,
        count(*) filter (where is_interested) as interested_count
    from calls
    where
        is_dialed
        and agent_handle is not null
        and contact_key is not null
        and local_date is not null
    group by all
),

residuals as (
    select
        contact_days.agent_handle,
        contact_days.contact_key,
        contact_days.connected_count - contact_days.dialed_count
        * call_counts.connected_count::double / nullif(call_counts.dialed_count, 0) as connect_residual,
        contact_days.interested_count - contact_days.connected_count
        * call_counts.interested_count::double / nullif(call_counts.connected_count, 0) as interested_residual
    from contact_days
    inner join call_counts
        on
            contact_days.agent_handle = call_counts.agent_handle
            and contact_days.local_date = call_counts.local_date
            and contact_days.space_token is not distinct from call_counts.space_token
),

contact_sums as (
    select
        agent_handle,
        contact_key,
        sum(connect_residual) as connect_sum,
        sum(pow(connect_residual, 2)) as connect_squares,
        sum(interested_residual) as interested_sum,
        sum(pow(interested_residual, 2)) as interested_squares
    from residuals
    group by all
),

design_effects as (
    select
        agent_handle,
        sum(pow(connect_sum, 2)) / nullif(sum(connect_squares), 0) as connect_effect,
        sum(pow(interested_sum, 2)) / nullif(sum(interested_squares), 0) as interested_effect
    from contact_sums
    group by all
),

-- The Mantel-Haenszel risk difference is the sum of shares over the sum of weights. Greenland and Robins, Estimation
-- of a common effect parameter from sparse follow-up data, Biometrics 41 (1985) 55-68. p_term and q_term are P and Q of
-- Sato, On the variance estimator for the Mantel-Haenszel risk difference, Biometrics 45 (1989) 1323-1324.
pair_days as materialized (
    select
        mine.agent_handle,
        theirs.agent_handle as other_agent_handle,
        mine.measure,
        mine.local_date,
        sum(mine.hits) as mine_hits,
        sum(mine.cases) as mine_cases,
        sum(theirs.hits) as their_hits,
        sum(theirs.cases) as their_cases,
        coalesce(sum(mine.cases * theirs.cases / nullif(mine.cases + theirs.cases, 0)), 0) as weight,
        sum((mine.hits * theirs.cases - theirs.hits * mine.cases) / nullif(mine.cases + theirs.cases, 0)) as share,
        sum(
            (
                mine.cases * mine.cases * theirs.hits - theirs.cases * theirs.cases * mine.hits
                + mine.cases * theirs.cases * (theirs.cases - mine.cases) / 2
            ) / nullif(pow(mine.cases + theirs.cases, 2), 0)
        ) as p_term,
        sum(
            (mine.hits * (theirs.cases - theirs.hits) + theirs.hits * (mine.cases - mine.hits))
            / nullif(2 * (mine.cases + theirs.cases), 0)
        ) as q_term
    from strata as mine
    inner join strata as theirs
        on
            mine.space_token is not distinct from theirs.space_token
            and mine.local_date = theirs.local_date
            and mine.measure = theirs.measure
            and mine.agent_handle < theirs.agent_handle
    group by all
),

pair_totals as (
    select
        agent_handle,
        other_agent_handle,
        measure,
        count(*) as day_count,
        count(*) filter (where weight > 0) as weighted_day_count,
        sum(mine_hits)::bigint as mine_hit_count,
        sum(mine_cases)::bigint as mine_case_count,
        sum(their_hits)::bigint as their_hit_count,
        sum(their_cases)::bigint as their_case_count,
        sum(weight) as total_weight,
        sum(share) / nullif(total_weight, 0) as difference,
        (difference * sum(p_term) + sum(q_term)) / nullif(pow(total_weight, 2), 0) as sato_variance
    from pair_days
    group by all
),

-- delete-one-day jackknife: whatever calls of one day share is in it. Efron and Tibshirani, An Introduction to the
-- Bootstrap (1993), chapter 11.
jackknives as (
    select
        pair_totals.agent_handle,
        pair_totals.other_agent_handle,
        pair_totals.measure,
        (count(*) - 1)::double / count(*) * sum(
            pow(
                (pair_days.share - pair_totals.difference * pair_days.weight)
                / nullif(pair_totals.total_weight - pair_days.weight, 0),
                2
            )
        ) as jackknife_variance
    from pair_totals
    inner join pair_days
        on
            pair_totals.agent_handle = pair_days.agent_handle
            and pair_totals.other_agent_handle = pair_days.other_agent_handle
            and pair_totals.measure = pair_days.measure
    where pair_days.weight > 0
    group by
        pair_totals.agent_handle,
        pair_totals.other_agent_handle,
        pair_totals.measure
),

-- The larger of the two variances counts, never less than one call more or less of each agent.
pairs as (
    select
        pair_totals.*,
        pair_totals.weighted_day_count - 1 as freedom,
        case
            when
                pair_totals.weighted_day_count >= greatest(thresholds.comparison_min_days, 2)
                and least(pair_totals.mine_case_count, pair_totals.their_case_count) >= thresholds.comparison_min_n
                and pair_totals.mine_hit_count + pair_totals.their_hit_count >= thresholds.comparison_min_hits
                and pair_totals.mine_case_count + pair_totals.their_case_count
                - pair_totals.mine_hit_count - pair_totals.their_hit_count >= thresholds.comparison_min_hits
                then sqrt(
                    greatest(
                        greatest(pair_totals.sato_variance, jackknives.jackknife_variance)
                        * greatest(
                            1,
                            case pair_totals.measure
                                when 'connect' then greatest(mine.connect_effect, theirs.connect_effect)
                                else greatest(mine.interested_effect, theirs.interested_effect)
                            end
                        ),
                        pow(1 / pair_totals.mine_case_count, 2) + pow(1 / pair_totals.their_case_count, 2)
                    )
                )
        end as standard_error
    from pair_totals
    left join jackknives
        on
            pair_totals.agent_handle = jackknives.agent_handle
            and pair_totals.other_agent_handle = jackknives.other_agent_handle
            and pair_totals.measure = jackknives.measure
    left join design_effects as mine
        on pair_totals.agent_handle = mine.agent_handle
    left join design_effects as theirs
        on pair_totals.other_agent_handle = theirs.agent_handle
    cross join thresholds
),

-- Student's t as a normal deviate: Wallace, Bounds on normal approximations to Student's and the chi-square
-- distributions, Annals of Mathematical Statistics 30 (1959) 1121-1130.
ranked as (
    select
        *,
        (8 * freedom + 1)::double / (8 * freedom + 3) as wallace,
        wallace * sqrt(freedom * ln(1 + pow(difference / standard_error, 2) / freedom)) as deviate,
        count(standard_error) over () as comparison_count,
        case
            when standard_error is not null
                then
                    comparison_count + 1
                    - row_number() over (
                        order by deviate desc nulls last, agent_handle asc, other_agent_handle asc, measure asc
                    )
        end as step
    from pairs
),

-- Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979) 65-70:
-- the largest deviate is tested at 5% / comparison_count, the next at 5% / (comparison_count - 1), up to the first that
-- fails. holm_point is the two-sided point of 5% / step: Abramowitz and Stegun, formula 26.2.23.
steps as (
    select
        *,
        sqrt(-2 * ln(0.025 / step)) as root,
        root - (2.515517 + root * (0.802853 + root * 0.010328))
        / (1 + root * (1.432788 + root * (0.189269 + root * 0.001308))) as holm_point
    from ranked
),

-- all intervals are as wide as that failing step asks, so that 0 lies outside exactly where Holm finds a difference
intervals as (
    select
        *,
        coalesce(max(holm_point) filter (where deviate <= holm_point) over (), min(holm_point) over ()) as last_point,
        standard_error * sqrt(freedom * (exp(pow(last_point / wallace, 2) / freedom) - 1)) as margin,
        case when margin is not null then greatest(difference - margin, -1) end as difference_low,
        case when margin is not null then least(difference + margin, 1) end as difference_high,
        difference_low > 0 or difference_high < 0 as is_apart
    from steps
)

select
    -- keys
    agent_handle,
    other_agent_handle,

    -- measures
    max(day_count) as shared_day_count,
    max(comparison_count) as comparison_count,
    max(mine_case_count) filter (where measure = 'connect') as dialed_count,
    max(mine_hit_count) filter (where measure = 'connect') as connected_count,
    max(their_case_count) filter (where measure = 'connect') as other_dialed_count,
    max(their_hit_count) filter (where measure = 'connect') as other_connected_count,
    connected_count::double / nullif(dialed_count, 0) as connect_rate,
    other_connected_count::double / nullif(other_dialed_count, 0) as other_connect_rate,
    max(difference) filter (where measure = 'connect') as connect_difference,
    max(difference_low) filter (where measure = 'connect') as connect_difference_low,
    max(difference_high) filter (where measure = 'connect') as connect_difference_high,
    bool_or(is_apart) filter (where measure = 'connect') as is_connect_significant,
    max(mine_hit_count) filter (where measure = 'interested') as interested_count,
    max(their_hit_count) filter (where measure = 'interested') as other_interested_count,
    interested_count::double / nullif(connected_count, 0) as interested_rate,
    other_interested_count::double / nullif(other_connected_count, 0) as other_interested_rate,
    max(difference) filter (where measure = 'interested') as interested_difference,
    max(difference_low) filter (where measure = 'interested') as interested_difference_low,
    max(difference_high) filter (where measure = 'interested') as interested_difference_high,
    bool_or(is_apart) filter (where measure = 'interested') as is_interested_significant,
    bool_or(is_apart) as is_significant

from intervals
group by all;

comment on view agent_comparison is
'One row per pair of agents that dialed in the same space on the same days: how far apart their rates are there. If no '
'agent differed from another, the view would still find a difference in at most about one file of twenty.';
