"""One truth: terminal, `report --json`, page and views have the same headline numbers.

What the page's own script makes of its rows is compared in tests/browser, with the same cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from tests.conftest import Ran
from tests.demo_file import demo_file
from unpod_sync import formatting as fmt
from unpod_sync.report import drawing
from unpod_sync.report.html.data import read
from unpod_sync.report.kpis import Rate
from unpod_sync.report.model import Request
from unpod_sync.report.periods import DEFAULT_DAYS, Period
from unpod_sync.warehouse.duckdb_file import DuckDBFile

Numbers = dict[str, Any]
SPACE, AGENT = "Growth Outreach", "Asha"


def today() -> date:
    """The local date of the demo's last sync."""
    with duckdb.connect(str(demo_file()), read_only=True) as connection:
        row = connection.execute(
            "select (max(last_synced_at) + interval 330 minute)::date from sync_freshness"
        ).fetchone()
    assert row
    return row[0]  # type: ignore[no-any-return]


def ago(days: int) -> date:
    return today() - timedelta(days=days)


#: Name → what is asked, and the period that it means.
CASES: dict[str, Callable[[], tuple[Request, Period]]] = {
    "default": lambda: (Request(), Period(ago(7), ago(1))),
    "agent": lambda: (Request(agents=(AGENT,)), Period(ago(7), ago(1))),
    "space from a date on": lambda: (Request(spaces=(SPACE,), since=ago(28)), Period(ago(28), ago(1))),
    "both, in the past": lambda: (
        Request((SPACE,), (AGENT,), ago(40), ago(12)),
        Period(ago(40), ago(12)),
    ),
    "up to today": lambda: (Request(since=ago(3), until=ago(0)), Period(ago(3), ago(1))),
    "today only": lambda: (Request(since=ago(0)), Period(ago(0), ago(0))),
}


def options(request: Request) -> list[str]:
    """The request as options of the command."""
    found = [f"--space={space}" for space in request.spaces] + [
        f"--agent={agent}" for agent in request.agents
    ]
    found += [f"--since={request.since}"] if request.since else []
    return found + ([f"--until={request.until}"] if request.until else [])


def of_views(request: Request, period: Period) -> Numbers:
    """The headline numbers by SQL over the file's own views."""
    places = "true"
    if request.spaces:
        places += f" and space_token in (select space_token from spaces where space_name = '{SPACE}')"
    if request.agents:
        places += f" and agent_handle in (select agent_handle from agents where agent_name = '{AGENT}')"
    where = f"{places} and local_date between '{period.since}' and '{period.until}'"
    sums = {
        "calls": "call_count",
        "dialed": "dialed_count",
        "connected": "connected_count",
        "engaged": "engaged_count",
        "interested": "interested_count",
        "scored": "scored_count",
        "successful": "successful_count",
        "cost": "total_cost",
    }
    columns = ", ".join(f"sum({column}) as {name}" for name, column in sums.items())
    with duckdb.connect(str(demo_file()), read_only=True) as connection:
        cursor = connection.execute(
            f"select * from (select {columns} from call_counts where {where}),"
            f" (select sum(total_tasks) as tasks, sum(completed_tasks) as completed from task_counts where {where}),"
            " (select median(duration_seconds) filter (where is_connected) as median from calls"
            f" where {where}), (select count(*) as callbacks from callbacks_due where {places})"
        )
        names = [column[0] for column in cursor.description or ()]
        row = cursor.fetchone() or ()
    found = dict(zip(names, row, strict=True))
    return {name: value or 0 for name, value in found.items()}


def of_json(found: Numbers) -> Numbers:
    """The headline numbers of `report --json`."""
    now = found["now"]
    return {
        "calls": now["calls"],
        "dialed": now["connected"]["cases"],
        "connected": now["connected"]["hits"],
        "engaged": now["engaged"]["hits"],
        "interested": now["interested"]["hits"],
        "scored": now["successful"]["cases"],
        "successful": now["successful"]["hits"],
        "cost": now["costs"]["total"] or 0,
        "tasks": now["tasks"],
        "completed": now["completed"]["hits"],
        "median": now["durations"]["median"] or 0,
        "callbacks": found["callbacks_due"],
    }


def of_page(content: Numbers, period: Period) -> Numbers:
    """The headline numbers added up from the rows that the page carries."""
    first = (period.since - date.fromisoformat(content["first"])).days

    def rows(table: str, column: str) -> list[Any]:
        pairs = zip(content[table]["day"], content[table][column], strict=True)
        return [value for day, value in pairs if first <= day < first + period.days]

    names = ("calls", "dialed", "connected", "engaged", "interested", "scored", "successful", "cost")
    found = {name: sum(rows("calls", name)) for name in names}
    seconds = sorted(
        value
        for value, calls in zip(rows("durations", "seconds"), rows("durations", "calls"), strict=True)
        for _ in range(calls)
    )
    middle = seconds[(len(seconds) - 1) // 2 : len(seconds) // 2 + 1]
    return found | {
        "tasks": sum(rows("tasks", "total")),
        "completed": sum(rows("tasks", "completed")),
        "median": sum(middle) / len(middle) if middle else 0,
        "callbacks": sum(content["callbacks"]["calls"]),
    }


def as_written(numbers: Numbers) -> dict[str, str]:
    """How the terminal writes them, by the first words of their lines."""

    def share(hits: str, cases: str) -> str:
        hit, case = numbers[hits], numbers[cases]
        return drawing.rate(Rate(hit, case, hit / case if case else None))

    return {
        "Tasks": fmt.count(numbers["tasks"]),
        "Completed": share("completed", "tasks"),
        "Dialed": fmt.count(numbers["dialed"]),
        "Connected": share("connected", "dialed"),
        "Engaged": share("engaged", "connected"),
        "Interested": share("interested", "connected"),
        "Successful": share("successful", "scored"),
        "Median call": fmt.format_clock(numbers["median"] if numbers["connected"] else None),
        "Cost": fmt.money(numbers["cost"] or None),
    }


@pytest.mark.parametrize("case", CASES)
def test_every_surface_has_the_numbers_of_the_views(
    case: str, run_cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every headline number, callbacks due included, for several periods and filters."""
    monkeypatch.setenv("COLUMNS", "120")
    request, period = CASES[case]()
    expected = of_views(request, period)
    assert expected["tasks"] > 0 or case == "today only"
    asked = ["report", "--database", demo_file(), *options(request)]
    found = json.loads(run_cli(*asked, "--json").out)
    assert found["scope"]["period"] == {"since": str(period.since), "until": str(period.until)}
    assert of_json(found) == pytest.approx(expected)
    content = read(DuckDBFile(demo_file()), request)
    assert of_page(content, period) == pytest.approx(expected, abs=0.001)
    lines = run_cli(*asked).out.splitlines()
    assert lines[0].startswith(fmt.days(period.since, period.until))
    for name, value in as_written(expected).items():
        line = next((line for line in lines if line.startswith(name)), None)
        assert line is not None or (name == "Cost" and not expected["cost"])
        assert line is None or line.removeprefix(name).strip().startswith(value), line
    promised = fmt.plural(expected["callbacks"], "promised callback is", "promised callbacks are")
    assert any(promised in line for line in lines) == bool(expected["callbacks"])


def test_callbacks_do_not_shrink_with_the_dates(run_cli: Callable[..., Ran]) -> None:
    """Who was promised a call last month still waits, whatever week is looked at."""
    asked = ["report", "--database", demo_file(), "--json"]
    every = json.loads(run_cli(*asked).out)["callbacks_due"]
    assert every > 0
    assert json.loads(run_cli(*asked, f"--since={ago(2)}", f"--until={ago(2)}").out)["callbacks_due"] == every
    cut = read(DuckDBFile(demo_file()), Request(since=ago(2), until=ago(2)))
    assert sum(cut["callbacks"]["calls"]) == every


def test_today_is_apart_on_every_surface(run_cli: Callable[..., Ran]) -> None:
    """The day of the last sync is in no period of terminal, JSON and page, and is the same on each."""
    expected = of_views(Request(), Period(today(), today()))
    asked = ["report", "--database", demo_file()]
    found = json.loads(run_cli(*asked, "--json").out)
    assert found["scope"]["today"] == str(today())
    assert found["today"]["tasks"] == expected["tasks"]
    assert found["today"]["connected"]["cases"] == expected["dialed"]
    line = f"so far: {fmt.plural(expected['tasks'], 'task')}, {fmt.count(expected['dialed'])} dialed"
    assert line in run_cli(*asked).out
    content = read(DuckDBFile(demo_file()), Request())
    assert date.fromisoformat(content["first"]) + timedelta(days=content["today"]) == today()
    assert content["days"] == content["today"]
    assert content["shown"] == DEFAULT_DAYS
    assert of_page(content, Period(today(), today()))["dialed"] == expected["dialed"]
    past = json.loads(run_cli(*asked, "--json", f"--until={ago(3)}").out)
    assert past["today"] is None
