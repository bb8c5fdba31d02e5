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
from unpod_sync.warehouse.schema import query_text

Rows = Callable[[str, Mapping[str, object]], list[dict[str, Any]]]

#: A period with fewer days that have cases does not show how days differ.
MIN_DAYS = 3
#: What stands between the space and the agent of a label; `*` is any.
SEPARATOR = "\x1f"


def changes(
    rows: Rows, before: Period, now: Period, *, by_part: bool = False
) -> dict[tuple[str, str], list[Difference]]:
    """How far each rate of `now` lies above that of `before`, the period right before it, by space and agent.

    `rows` answers SQL over `part_calls` and `tasks`. All calls together are `("*", "*")`; `by_part` adds each space,
    each agent, and each agent within a space. The bounds are None where a period has fewer than `MIN_DAYS` days
    with cases.
    """
    asked = {"since_before": before.since, "since": now.since, "until": now.until, "by_part": by_part}
    values = ", ".join(f"${name} as {name}" for name in asked)
    sql = f"with asked as (select {values}) from ({query_text('rate_changes')})"
    found: dict[tuple[str, str], list[Difference]] = {}
    for row in rows(sql, asked):
        space, agent = row["label"].split(SEPARATOR)
        found.setdefault((space, agent), []).append(_difference(row))
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
