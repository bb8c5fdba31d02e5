"""Whether a rate has changed from one period to the next, with calls clustered by day and contact.

Calls of one day share what the day brought, and dials of one contact share the contact: an interval
that takes them for independent is too narrow. Here the variance of the difference of two rates is
that of two-way clusters (Cameron, Gelbach, Miller 2011): days + contacts − their intersection. The
part of the days is the delete-one-day jackknife, which holds with few days and with days of unequal
size; the interval has Student's t with the days' Welch–Satterthwaite degrees of freedom. The
variance is never taken for less than one of its parts, nor than that of independent calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import Any

from unpod_sync.report.kpis import Difference, Rate
from unpod_sync.report.periods import Period

Rows = Callable[[str, Mapping[str, object]], list[dict[str, Any]]]

#: A period with fewer days that have cases does not show how days differ.
MIN_DAYS = 3
ONE_LABEL = "['']"

_SQL = """
with rows as (
    select
        space_token,
        agent_handle,
        local_date,
        coalesce(contact_key, task_id) as contact,
        unnest([
            {'measure': 'connect', 'hits': count(*) filter (where is_connected),
             'cases': count(*) filter (where is_dialed)},
            {'measure': 'engaged', 'hits': count(*) filter (where is_engaged),
             'cases': count(*) filter (where is_connected)},
            {'measure': 'interested', 'hits': count(*) filter (where is_interested),
             'cases': count(*) filter (where is_connected)},
            {'measure': 'successful', 'hits': count(*) filter (where is_successful),
             'cases': count(success_points)}
        ], recursive := true)
    from part_calls
    where local_date between $first and $until
    group by 1, 2, 3, 4
    union all
    select
        space_token,
        agent_handle,
        created_local_date as local_date,
        coalesce(contact_key, task_id) as contact,
        'completed' as measure,
        count(*) filter (where status = 'completed') as hits,
        count(*) as cases
    from tasks
    where deleted_at is null and created_local_date between $first and $until
    group by all
),

labelled as (
    select unnest(LABELS) as label, measure, local_date >= $since as is_now, local_date, contact, hits, cases
    from rows
    where cases > 0
),

cells as materialized (
    select label, measure, is_now, local_date, contact, sum(hits) as hits, sum(cases) as cases
    from labelled
    group by all
),

rates as (
    select
        label, measure, is_now, sum(hits) as hits, sum(cases) as cases,
        count(distinct local_date) as days, sum(hits) / sum(cases) as rate
    from cells
    group by all
),

scores as materialized (
    select
        cells.*, rates.cases as all_cases, rates.days,
        case when cells.is_now then 1 else -1 end * (cells.hits - cells.cases * rates.rate) / rates.cases as score
    from cells
    inner join rates using (label, measure, is_now)
),

by_day as (
    select
        label, measure, is_now, any_value(days) as days,
        sum(score) * any_value(all_cases) / nullif(any_value(all_cases) - sum(cases), 0) as pseudo
    from scores
    group by label, measure, is_now, local_date
),

days as (
    select label, measure, is_now, (any_value(days) - 1) / any_value(days) * sum(pseudo * pseudo) as variance
    from by_day
    group by all
),

contacts as (
    select label, measure, sum(score) as score
    from scores
    group by label, measure, contact
),

crossed as (
    select label, measure, count(*) / nullif(count(*) - 1, 0) * sum(score * score) as variance
    from contacts
    group by all
),

meets as (
    select label, measure, count(*) / nullif(count(*) - 1, 0) * sum(score * score) as variance
    from scores
    group by all
)

select
    now.label, now.measure, now.hits::bigint as hits, now.cases::bigint as cases, now.days,
    before.hits::bigint as hits_before, before.cases::bigint as cases_before, before.days as days_before,
    day_now.variance as day_variance, day_before.variance as day_variance_before,
    crossed.variance as contact_variance, meets.variance as both_variance
from rates as now
inner join rates as before on now.label = before.label and now.measure = before.measure and not before.is_now
inner join days as day_now on now.label = day_now.label and now.measure = day_now.measure and day_now.is_now
inner join days as day_before
    on now.label = day_before.label and now.measure = day_before.measure and not day_before.is_now
inner join crossed on now.label = crossed.label and now.measure = crossed.measure
inner join meets on now.label = meets.label and now.measure = meets.measure
where now.is_now
order by now.label, now.measure
"""


def changes(rows: Rows, before: Period, now: Period, labels: str = ONE_LABEL) -> dict[Any, list[Difference]]:
    """Per label, how far each rate of `now` lies above that of `before`, the period right before it.

    `rows` answers SQL over `part_calls` and `tasks`; `labels` is an SQL list of the labels of a row.
    The bounds are None where a period has fewer than `MIN_DAYS` days with cases.
    """
    found: dict[Any, list[Difference]] = {}
    # the labels are SQL of this package, no text of a user
    sql = _SQL.replace("LABELS", labels)
    for row in rows(sql, {"first": before.since, "since": now.since, "until": now.until}):
        found.setdefault(row["label"], []).append(_difference(row))
    return found


def _difference(row: dict[str, Any]) -> Difference:
    one = Rate(row["hits"], row["cases"], row["hits"] / row["cases"])
    other = Rate(row["hits_before"], row["cases_before"], row["hits_before"] / row["cases_before"])
    apart = one.hits / one.cases - other.hits / other.cases
    low = high = None
    if min(row["days"], row["days_before"]) >= MIN_DAYS:
        margin = _margin(row, one, other)
        low, high = apart - margin, apart + margin
    is_clear = low is not None and high is not None and (low > 0 or high < 0)
    return Difference(row["measure"], "now", "before", one, other, apart, low, high, is_clear)


def _margin(row: dict[str, Any], one: Rate, other: Rate) -> float:
    """Half the width of the 95% interval."""
    day_now, day_before = row["day_variance"], row["day_variance_before"]
    days, contacts, both = day_now + day_before, row["contact_variance"] or 0.0, row["both_variance"] or 0.0
    variance = max(days + contacts - both, days, contacts, _independent(one) + _independent(other))
    parts = ((day_now, row["days"] - 1), (day_before, row["days_before"] - 1))
    freedom = (
        days**2 / sum(part**2 / number for part, number in parts)
        if days > 0
        else min(number for _, number in parts)
    )
    return student(freedom) * math.sqrt(variance)


def _independent(value: Rate) -> float:
    """The variance of a rate of independent calls; one hit and one miss more keep it above 0."""
    rate = (value.hits + 1) / (value.cases + 2)
    return rate * (1 - rate) / (value.cases + 2)


def student(freedom: float) -> float:
    """The 97.5% point of Student's t: Cornish–Fisher, within 1% from 2 degrees of freedom on.

    Abramowitz and Stegun, 26.7.5.
    """
    z, n = NormalDist().inv_cdf(0.975), freedom
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / n**power for power, term in enumerate(terms, 1))
