"""The statistical views against plain Python, and against worlds of chance (`simulate.py` has the large figures)."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import timedelta
from random import Random
from statistics import NormalDist, median
from typing import Any

import pytest

from tests.views import simulate
from tests.views.simulate import WEEKEND, Agents, Days

Z = NormalDist().inv_cdf(0.975)


def wilson(hits: int, cases: int) -> tuple[float, float]:
    """Wilson (1927): the rates p whose test statistic (hits/cases - p) / sqrt(p(1-p)/cases) is within Z."""
    a, b, c = cases + Z * Z, -(2 * hits + Z * Z), hits * hits / cases
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


Strata = dict[Any, tuple[int, int]]


def risk_difference(mine: Strata, theirs: Strata) -> tuple[float, float, int]:
    """Mantel-Haenszel difference, the larger of Sato's and the jackknife variance, days; a stratum is a day."""
    shared = [day for day in mine if day in theirs and mine[day][1] and theirs[day][1]]

    def pooled(days: list[Any]) -> float:
        above = below = 0.0
        for day in days:
            (x, n), (y, m) = mine[day], theirs[day]
            above += n * m / (n + m) * (x / n - y / m)
            below += n * m / (n + m)
        return above / below

    difference = pooled(shared)
    p_sum = q_sum = weight = 0.0
    for day in shared:
        (x, n), (y, m) = mine[day], theirs[day]
        p_sum += (n * n * y - m * m * x + n * m * (m - n) / 2) / (n + m) ** 2
        q_sum += (x * (m - y) + y * (n - x)) / (2 * (n + m))
        weight += n * m / (n + m)
    left_out = [pooled([day for day in shared if day != out]) for out in shared]
    jackknife = (len(shared) - 1) / len(shared) * sum((one - difference) ** 2 for one in left_out)
    return difference, max((difference * p_sum + q_sum) / weight**2, jackknife), len(shared)


def design_effect(calls: list[dict[str, Any]], hit: str) -> float:
    """Variance of sums per contact over that of sums per contact and day, of residuals from the day's rate."""
    days = defaultdict(list)
    for call in calls:
        days[call["local_date"]].append(call[hit])
    sums: dict[str, dict[Any, float]] = defaultdict(lambda: defaultdict(float))
    for call in calls:
        of_day = days[call["local_date"]]
        sums[call["contact_key"]][call["local_date"]] += call[hit] - sum(of_day) / len(of_day)
    together = sum(sum(of_contact.values()) ** 2 for of_contact in sums.values())
    return together / sum(one**2 for of_contact in sums.values() for one in of_contact.values())


def holm(deviates: list[float]) -> list[bool]:
    """Holm (1979) at 5%, by two-sided p values of normal deviates."""
    p_values = [2 * (1 - NormalDist().cdf(abs(deviate))) for deviate in deviates]
    rejected = [False] * len(p_values)
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] > 0.05 / (len(p_values) - step):
            break
        rejected[place] = True
    return rejected


@pytest.mark.parametrize(
    "world",
    [
        Agents(connect=(0.75, 0.5, 0.4), dials=2, contact_sd=0.3, days=20),
        Agents(connect=(0.5, 0.5), own_sd=0.1, days=9),
        Agents(connect=(0.7, 0.5, 0.5, 0.3), lopsided=True, days=28),
    ],
)
def test_comparisons_are_those_of_plain_python(world: Agents) -> None:
    """Difference, variance, interval and verdict of every pair and measure."""
    table = simulate.agent_calls(world, Random(5))
    with simulate.views() as connection:
        rows = simulate.compare(connection, table)
    by_agent: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for call in table.to_pylist():
        by_agent[call["agent_handle"]].append(call)
    expected = []
    for row in rows:
        for measure, hit, among in (
            ("connect", "is_connected", None),
            ("interested", "is_interested", "is_connected"),
        ):
            counted = [
                [call for call in by_agent[row[key]] if among is None or call[among]]
                for key in ("agent_handle", "other_agent_handle")
            ]
            strata: list[Strata] = []
            for calls in counted:
                days: dict[Any, list[bool]] = defaultdict(list)
                for call in calls:
                    days[call["local_date"]].append(call[hit])
                strata.append({day: (sum(hits), len(hits)) for day, hits in days.items()})
            difference, variance, day_count = risk_difference(*strata)
            error = math.sqrt(variance * max(1, *(design_effect(calls, hit) for calls in counted)))
            freedom = day_count - 1
            wallace = (8 * freedom + 1) / (8 * freedom + 3)
            deviate = wallace * math.sqrt(freedom * math.log(1 + (difference / error) ** 2 / freedom))
            expected.append((row, measure, difference, error, wallace, freedom, deviate))
    verdicts = holm([deviate for *_, deviate in expected])
    level = 0.05 / max(1, len(verdicts) - sum(verdicts))
    point = NormalDist().inv_cdf(1 - level / 2)
    for (row, measure, difference, error, wallace, freedom, _), verdict in zip(
        expected, verdicts, strict=True
    ):
        margin = error * math.sqrt(freedom * (math.exp((point / wallace) ** 2 / freedom) - 1))
        assert row["comparison_count"] == len(verdicts)
        assert row[f"{measure}_difference"] == pytest.approx(difference)
        assert row[f"{measure}_difference_low"] == pytest.approx(max(-1, difference - margin), abs=2e-4)
        assert row[f"{measure}_difference_high"] == pytest.approx(min(1, difference + margin), abs=2e-4)
        assert row[f"is_{measure}_significant"] is verdict
        is_outside = row[f"{measure}_difference_low"] > 0 or row[f"{measure}_difference_high"] < 0
        assert is_outside is verdict, "the interval shown says what the verdict says"


def test_wallace_gives_the_points_of_student() -> None:
    """The approximation that the view uses, beside printed points of t at 97.5%."""
    for freedom, point in ((4, 2.7764), (6, 2.4469), (13, 2.1604), (27, 2.0518)):
        wallace = (8 * freedom + 1) / (8 * freedom + 3)
        ours = math.sqrt(freedom * (math.exp((Z / wallace) ** 2 / freedom) - 1))
        assert ours == pytest.approx(point, rel=0.006)


def test_identical_agents_do_not_differ() -> None:
    """Days differ, each contact is called twice; of 7 agents 21 pairs are compared by two measures each."""
    assert simulate.differences(Agents(dials=2, contact_sd=0.3, days=14), worlds=8)[0] <= 1 / 8


def test_shares_of_good_days_are_no_difference() -> None:
    """Two agents who are equal on each day, one of whom works on the good days."""
    world = Agents(connect=(0.5, 0.5), lopsided=True, day_sd=0.2)
    table = simulate.agent_calls(world, Random(1))
    with simulate.views() as connection:
        (row,) = simulate.compare(connection, table)
    assert row["connect_rate"] - row["other_connect_rate"] > 0.15, "the rates over all days are far apart"
    assert abs(row["connect_difference"]) < 0.1
    assert row["is_connect_significant"] is False


def test_a_large_difference_is_found() -> None:
    """25 points among seven agents over four weeks."""
    assert simulate.differences(Agents(connect=(0.65, *(0.4,) * 6)), worlds=2) == (1.0, 1.0)


def test_few_cases_and_few_days_have_no_interval_and_no_verdict() -> None:
    """29 calls each, and four days: the difference is shown, nothing is claimed of it."""
    for world in (Agents(connect=(0.9, 0.1), days=29, calls=1), Agents(connect=(0.9, 0.1), days=4, calls=50)):
        with simulate.views() as connection:
            (row,) = simulate.compare(connection, simulate.agent_calls(world, Random(1)))
        assert row["connect_difference"] > 0.4
        for measure in ("connect", "interested"):
            assert row[f"{measure}_difference_low"] is None
            assert row[f"is_{measure}_significant"] is None
        assert row["is_significant"] is None
        assert row["comparison_count"] == 0


def test_limits_are_those_of_plain_python() -> None:
    """Median, scaled MAD, the day's own chance, the same weekday; for each judged day of three spaces."""
    counts = simulate.day_counts(Days(sd=0.05, weekdays=WEEKEND, cases=(45, 120), days=50), 3, seed=2)
    with simulate.views() as connection:
        rows = simulate.judge(connection, counts)
    for row in rows:
        first, last = row["local_date"] - timedelta(days=28), row["local_date"] - timedelta(days=1)
        earlier = [
            (one["connected_count"], one["dialed_count"], one["local_date"].weekday())
            for one in rows
            if one["space_token"] == row["space_token"]
            and first <= one["local_date"] <= last
            and one["dialed_count"] >= 50
        ]
        same = [one for one in earlier if one[2] == row["local_date"].weekday()]
        if row["dialed_count"] < 50 or len(earlier) < 7 or not same:
            assert (row["connect_rate_low"], row["is_connect_anomaly"]) == (None, None)
            continue
        low, high = limits(row["dialed_count"], earlier, same)
        assert row["connect_baseline_days"] == len(earlier)
        assert (row["connect_rate_low"], row["connect_rate_high"]) == (
            pytest.approx(low),
            pytest.approx(high),
        )
        direction = "low" if row["connect_rate"] < low else "high" if row["connect_rate"] > high else None
        assert row["connect_direction"] == direction
        assert row["is_connect_anomaly"] is (direction is not None)


def limits(
    dialed: int, earlier: list[tuple[int, int, int]], same: list[tuple[int, int, int]]
) -> tuple[float, float]:
    """What is usual on a day, after the days before it and those of its weekday."""
    rates = [hits / cases for hits, cases, _ in earlier]
    centre = median(rates)
    scaled_mad = 1.4826 * median(abs(rate - centre) for rate in rates)
    pooled = sum(hits for hits, *_ in earlier) / sum(cases for _, cases, _ in earlier)
    chance = pooled * (1 - pooled)
    of_days = scaled_mad**2 * (1 + (14 / len(rates)) ** 2)
    between = max(0.0, of_days - chance * sum(1 / cases for _, cases, _ in earlier) / len(earlier))
    variance = chance / dialed + between
    of_weekday = chance * sum(1 / cases for _, cases, _ in same) / len(same) + between
    weekday = sum(hits / cases for hits, cases, _ in same) / len(same)
    spread = 2 * math.sqrt(variance + of_weekday / len(same))
    skewness = (1 - 2 * pooled) / (6 * dialed)
    low = centre - 2.7 * math.sqrt(variance) + (2.7**2 - 1) * skewness
    high = centre + 3.5 * math.sqrt(variance) + (3.5**2 - 1) * skewness
    return min(low, weekday - spread), max(high, weekday + spread)


def test_quiet_days_are_no_anomalies() -> None:
    """At most one in a hundred, of days that differ by chance alone, by more, and by weekday."""
    worlds = [Days(sd=sd, days=49) for sd in (0.0, 0.05, 0.10)]
    worlds += [Days(weekdays=WEEKEND, sd=0.05, days=49), Days(rate=0.96, days=49)]
    assert sum(simulate.anomalies(world, worlds=12) for world in worlds) / len(worlds) <= 0.01


def test_a_fall_of_fifteen_points_on_a_hundred_dials_is_low() -> None:
    """Where days differ by chance alone: 35 after days about 50 of 100."""
    counts = simulate.day_counts(Days(days=28, cases=(300, 500)), 1, seed=4).to_pylist()
    last = counts[-1] | {
        "local_date": counts[-1]["local_date"] + timedelta(days=1),
        "dialed_count": 100,
        "connected_count": 35,
    }
    with simulate.views() as connection:
        row = simulate.judge(connection, simulate.pa.Table.from_pylist([*counts, last]))[-1]
    assert (row["is_anomaly"], row["direction"], row["connect_direction"]) == (True, "low", "low")


@pytest.mark.parametrize(("hits", "cases"), [(0, 20), (1, 29), (15, 148), (81, 263), (20, 20)])
def test_wilson_intervals_are_those_of_plain_python(hits: int, cases: int, warehouse: Any) -> None:
    """In the heat map and on the scorecard."""
    for number in range(cases):
        warehouse.call(user_message_count=1 if number < hits else 0)
    low, high = wilson(hits, cases)
    expected = (pytest.approx(max(low, 0), abs=1e-12), pytest.approx(min(high, 1)))
    for view in ("connect_heatmap", "agent_scorecard"):
        assert warehouse.row(f"select connect_rate_low, connect_rate_high from {view}") == expected
