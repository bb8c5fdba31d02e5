"""Changes of a rate: how often they are claimed of quiet weeks, and how often a true one is found.

`UNPOD_TEST_WORLDS=5000 pytest tests/test_changes.py` simulates more than the suite does.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from unpod_sync.report.changes import changes, student
from unpod_sync.report.kpis import Difference
from unpod_sync.report.periods import Period

WORLDS = int(os.environ.get("UNPOD_TEST_WORLDS", "400"))
START = date(2026, 3, 2)
Call = tuple[str, date, str, bool]


def judged(calls: list[Call], days: int) -> dict[str, Difference]:
    """By label, how the connect rate of the last `days` days lies above that of as many before."""
    names = ("label", "local_date", "contact", "hit")
    table = pa.table(
        {name: list(values) for name, values in zip(names, zip(*calls, strict=True), strict=True)}
    )
    with duckdb.connect() as connection:
        connection.register("given", table)
        connection.execute(
            "create table part_calls as select label as space_token, '' as agent_handle, local_date, contact as contact_key,"
            " null::varchar as task_id, true as is_dialed, hit as is_connected, false as is_engaged, false as is_interested,"
            " false as is_successful, null::double as success_points from given"
        )
        connection.execute(
            "create table tasks (space_token varchar, agent_handle varchar, created_local_date date,"
            " contact_key varchar, task_id varchar, status varchar, deleted_at timestamp)"
        )

        def rows(sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
            cursor = connection.execute(sql, parameters)
            columns = [column[0] for column in cursor.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

        now = Period.ending(START + timedelta(days=2 * days - 1), days)
        found = changes(rows, now.before, now, by_part=True)
    return {
        space: row
        for (space, agent), found in found.items()
        for row in found
        if row.measure == "connect" and space != "*" and agent == "*"
    }


def claimed(
    worlds: int,
    *,
    days: int = 7,
    dials: int = 30,
    shift: float = 0.0,
    is_uneven: bool = False,
    is_same_day: bool = False,
) -> float:
    """The share of simulated worlds in which a change is claimed.

    Each day has its own rate, of standard deviation 0.10; each contact is dialed twice, and answers both
    times alike in half of the cases. `shift` is what the second period is truly higher.
    """
    chance = random.Random(7)
    calls: list[Call] = []
    for world in range(worlds):
        rates = [
            min(0.98, max(0.02, chance.gauss(0.45 + shift * (day >= days), 0.1))) for day in range(2 * days)
        ]
        sizes = [int(dials * chance.choice((0.3, 1, 1.7))) if is_uneven else dials for _ in rates]
        slots = [day for day, size in enumerate(sizes) for _ in range(size)]
        if not is_same_day:
            chance.shuffle(slots)
        for number in range(0, len(slots), 2):
            mood = chance.random()
            for day in slots[number : number + 2]:
                hit = (mood if chance.random() < 0.7 else chance.random()) < rates[day]
                calls.append((str(world), START + timedelta(days=day), f"{world}-{number}", hit))
    found = judged(calls, days)
    assert len(found) == worlds
    return sum(row.is_significant for row in found.values()) / worlds


@pytest.mark.parametrize("is_uneven", [False, True])
def test_quiet_weeks_are_called_quiet(is_uneven: bool) -> None:
    """Days of standard deviation 0.10 and two dials per contact: at most 7% false alarms.

    4,000 worlds have 4.3%, and 4.9% with days of unequal size whose contacts are dialed twice on one day.
    """
    assert claimed(WORLDS, is_uneven=is_uneven, is_same_day=is_uneven) <= 0.07


def test_a_true_change_is_found() -> None:
    """15 points: 7 days against 7 of such days find it in 46% of 4,000 worlds, 28 against 28 in 89%."""
    assert claimed(WORLDS // 4, shift=0.15) >= 0.35
    assert claimed(WORLDS // 4, shift=0.15, days=28, dials=12) >= 0.8


def test_too_few_days_or_no_spread_claim_nothing() -> None:
    """Two days have no interval; five hits of five calls against none of five have a wide one."""
    for days, dials, is_clear in ((2, 50, False), (5, 1, True), (3, 1, False)):
        calls = [
            ("all", START + timedelta(days=day), f"{day}-{number}", day >= days)
            for day in range(2 * days)
            for number in range(dials)
        ]
        found = judged(calls, days)["all"]
        assert (found.low is None) == (days < 3)
        assert found.is_significant == is_clear


def test_one_day_that_outweighs_the_others_is_no_change() -> None:
    """A week that is worse because of one single bad day, two thirds of its calls, is not called down."""
    calls = [
        ("all", START + timedelta(days=day), f"{day}-{number}", number % 5 < (0 if day == 8 else 3))
        for day in range(14)
        for number in range(100 if day == 8 else 10)
    ]
    found = judged(calls, 7)["all"]
    assert found.difference < -0.3
    assert not found.is_significant


@pytest.mark.parametrize(
    ("freedom", "expected"), [(2, 4.303), (3, 3.182), (6, 2.447), (12, 2.179), (60, 2.000)]
)
def test_students_t(freedom: float, expected: float) -> None:
    """The 97.5% points of printed tables."""
    assert student(freedom) == pytest.approx(expected, rel=0.01)
