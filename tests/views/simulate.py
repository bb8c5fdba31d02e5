"""Worlds of chance for the statistical views: how often they claim what is not so, and find what is.

    python -m tests.views.simulate --worlds 400

prints the rates; the suite runs a few worlds of each (`test_statistics.py`). A world is rows for the tables that a view
reads, drawn from a seed; the view is the one of `sql/views/`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from unpod_sync.warehouse import schema

FIRST = date(2026, 1, 5)  # a Monday


@dataclass(frozen=True, slots=True)
class Agents:
    """A world of agents: day effects are on the rate, of all agents (`day_sd`) or of one (`own_sd`)."""

    connect: tuple[float, ...] = (0.5,) * 7
    interested: float = 0.3
    days: int = 28
    calls: int = 12
    day_sd: float = 0.1
    own_sd: float = 0.0
    dials: int = 1
    contact_sd: float = 0.0
    lopsided: bool = False


@dataclass(frozen=True, slots=True)
class Days:
    """A world of days: `sd` between days, `weekdays` from Monday on are added to the rate."""

    sd: float = 0.0
    rate: float = 0.5
    cases: tuple[int, int] = (60, 500)
    weekdays: tuple[float, ...] = (0.0,) * 7
    days: int = 63


WEEKEND = (0.0,) * 5 + (-0.12, -0.12)
WAVE = tuple(0.08 * math.sin(weekday / 7 * 2 * math.pi) for weekday in range(7))


@contextmanager
def views() -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database with the default settings; `build` adds views above the tables of a world."""
    with duckdb.connect() as connection:
        connection.execute(
            "create schema meta; create table meta.settings (name text, value text, comment text)"
        )
        for path in (schema.sql_folder() / "settings.sql", *schema.sql_files("views")):
            if path.stem == "settings" or path.stem[4:] in ("compliance_presets", "thresholds"):
                connection.execute(path.read_text(encoding="utf-8"))
        yield connection


def build(connection: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Builds views of `sql/views/` by name, in their order."""
    for path in schema.sql_files("views"):
        if path.stem[4:] in names:
            connection.execute(path.read_text(encoding="utf-8"))


def agent_calls(world: Agents, random: Random) -> pa.Table:
    """The dialed calls of a world, as the columns of `calls` that the comparison reads."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("agent_handle", "local_date", "contact_key", "is_connected", "is_interested")
    }
    effects = [random.gauss(0, world.day_sd) for _ in range(world.days)]
    for number, connect in enumerate(world.connect):
        contacts: list[tuple[str, float]] = []
        for day in range(world.days):
            own = random.gauss(0, world.own_sd)
            calls = world.calls
            if world.lopsided:  # the first half of the agents works on good days, the others on bad ones
                is_good, is_first = effects[day] > 0, number < len(world.connect) / 2
                calls = 2 * world.calls if is_good == is_first else world.calls // 3
            for _ in range(calls):
                if contacts and random.random() < 1 - 1 / world.dials:
                    contact, liking = contacts.pop(random.randrange(len(contacts)))
                else:
                    contact, liking = f"{number} {random.random()}", random.gauss(0, world.contact_sd)
                    contacts.append((contact, liking))
                is_connected = random.random() < connect + effects[day] + own + liking
                columns["agent_handle"].append(f"agent {number}")
                columns["local_date"].append(FIRST + timedelta(days=day))
                columns["contact_key"].append(contact)
                columns["is_connected"].append(is_connected)
                columns["is_interested"].append(is_connected and random.random() < world.interested)
    return pa.table(columns)


def compare(connection: duckdb.DuckDBPyConnection, calls: pa.Table) -> list[dict[str, Any]]:
    """The rows of `agent_comparison` over some calls."""
    connection.register("world", calls)
    connection.execute(
        "create or replace table calls as select *, 'north' as space_token, true as is_dialed,"
        " true as is_answered, false as is_voicemail, false as is_engaged, false as is_short,"
        " false as is_successful, null::double as success_points, null::double as cost from world"
    )
    build(connection, "call_counts", "agent_comparison")
    return connection.sql("from agent_comparison").to_arrow_table().to_pylist()


def differences(world: Agents, worlds: int, seed: int = 1) -> tuple[float, float]:
    """Share of the worlds with at least one difference, and of the pairs of the first agent that have one."""
    hits = first = pairs = 0
    with views() as connection:
        for number in range(worlds):
            rows = compare(connection, agent_calls(world, Random(f"{seed} {number}")))
            hits += any(row["is_significant"] for row in rows)
            mine = [row for row in rows if row["agent_handle"] == "agent 0"]
            first += sum(row["is_connect_significant"] is True for row in mine)
            pairs += len(mine)
    return hits / worlds, first / pairs


def day_counts(world: Days, worlds: int, seed: int, fall: float = 0.0) -> pa.Table:
    """Rows of `daily_activity`, a space per world; with a `fall` the last day has 100 dials and that much less."""
    random = Random(seed)
    columns: dict[str, list[Any]] = {
        name: [] for name in ("space_token", "local_date", "dialed_count", "connected_count")
    }
    for number in range(worlds):
        for day in range(world.days):
            is_last = fall and day == world.days - 1
            cases = 100 if is_last else random.randint(*world.cases)
            rate = world.rate + world.weekdays[day % 7] + random.gauss(0, world.sd) - (fall if is_last else 0)
            columns["space_token"].append(f"space {number}")
            columns["local_date"].append(FIRST + timedelta(days=day))
            columns["dialed_count"].append(cases)
            columns["connected_count"].append(sum(random.random() < rate for _ in range(cases)))
    return pa.table(columns)


def judge(connection: duckdb.DuckDBPyConnection, counts: pa.Table) -> list[dict[str, Any]]:
    """The rows of `daily_anomalies` over some days."""
    connection.register("world", counts)
    connection.execute(
        "create or replace table daily_activity as select *, 0 as total_tasks, 0 as completed_tasks from world"
    )
    build(connection, "daily_anomalies")
    return (
        connection.sql("from daily_anomalies order by space_token, local_date").to_arrow_table().to_pylist()
    )


def anomalies(world: Days, worlds: int, seed: int = 1) -> float:
    """Share of the judged quiet days that are called anomalies."""
    with views() as connection:
        rows = judge(connection, day_counts(world, worlds, seed))
    judged = [row for row in rows if row["is_anomaly"] is not None]
    return sum(row["is_anomaly"] for row in judged) / len(judged)


def falls_found(world: Days, worlds: int, fall: float = 0.15, seed: int = 1) -> float:
    """Share of the worlds in which a fall on a day of 100 dials is called low."""
    with views() as connection:
        rows = judge(connection, day_counts(world, worlds, seed, fall))
    last = FIRST + timedelta(days=world.days - 1)
    return sum(row["connect_direction"] == "low" for row in rows if row["local_date"] == last) / worlds


def main() -> None:
    """Prints the rates of many worlds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=400)
    worlds = parser.parse_args().worlds
    print("agent_comparison, seven agents, 28 days: worlds with a difference; pairs of the first agent found")
    for name, agents in {
        "identical": Agents(day_sd=0.0),
        "identical, days differ (sd 0.10)": Agents(),
        "identical, two dials per contact": Agents(dials=2, contact_sd=0.3),
        "identical, each agent's days differ (sd 0.05)": Agents(own_sd=0.05, calls=20),
        "identical, 5 days": Agents(days=5, calls=40),
        "equal each day, other shares of good days": Agents(lopsided=True, day_sd=0.2),
        "the first 15 points better": Agents(connect=(0.6, *(0.45,) * 6)),
        "the first 25 points better": Agents(connect=(0.65, *(0.4,) * 6)),
    }.items():
        any_pair, of_first = differences(agents, worlds)
        print(f"  {name:48} {any_pair:6.1%} {of_first:6.1%}", flush=True)
    print(
        "daily_anomalies: quiet days flagged; falls of 15 points on 100 dials found (cases 60-500; 100 a day)"
    )
    for name, weekdays in {"weekdays alike": (0.0,) * 7, "weekend -12": WEEKEND, "wave of 8": WAVE}.items():
        for rate in (0.5, 0.2):
            for sd in (0.0, 0.025, 0.05, 0.10):
                days = Days(sd=sd, rate=rate, weekdays=weekdays)
                quiet = anomalies(days, worlds)
                found = [
                    falls_found(Days(sd=sd, rate=rate, weekdays=weekdays, cases=cases, days=40), worlds)
                    for cases in ((60, 500), (100, 100))
                ]
                print(
                    f"  {name:16} rate {rate} sd {sd:5} {quiet:6.2%} {found[0]:6.1%} {found[1]:6.1%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
