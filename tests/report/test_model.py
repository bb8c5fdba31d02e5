"""What the report asks: every filtered number agrees with the views, and with SQL written by hand."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import duckdb
import pytest

from tests.demo_file import changed_copy, complete_file, demo_file
from unpod_sync import cli
from unpod_sync import formatting as fmt
from unpod_sync.cli.commands import COMMANDS
from unpod_sync.errors import UsageError, WarehouseError
from unpod_sync.report.kpis import Rate
from unpod_sync.report.model import Report, Request, report
from unpod_sync.report.scoped_views import AGENT, ALL, SPACE, Filter, ScopedViews, open_file, quality
from unpod_sync.warehouse.duckdb_file import DuckDBFile

EMPTY = tuple(f"delete from {table}" for table in ("tasks", "runs", "task_versions", "transcript_messages"))

#: The views that a scope can filter: those above `calls` and `task_counts` alone.
SCOPED = (
    "agent_completion",
    "call_counts",
    "call_durations",
    "call_outcomes",
    "call_funnel",
    "connect_heatmap",
    "call_costs",
    "agent_rates",
    "agent_scorecard",
    "agent_comparison",
    "daily_completion",
    "daily_activity",
    "daily_anomalies",
)


@pytest.fixture(scope="module")
def whole() -> Report:
    """The report of all dates."""
    return report(DuckDBFile(complete_file()), Request(since=date(2000, 1, 1)))


def _rounded(rows: list[dict[str, object]]) -> list[list[object]]:
    """Binary sums depend on the order of rows: costs agree to nine digits."""
    return [
        [round(value, 9) if isinstance(value, float) else value for value in row.values()] for row in rows
    ]


def by_hand(sql: str) -> tuple[object, ...]:
    with duckdb.connect(str(demo_file()), read_only=True) as connection:
        return connection.execute(sql).fetchone() or ()


@pytest.mark.parametrize("view", SCOPED)
def test_a_scope_on_everything_has_the_rows_of_the_file(view: str) -> None:
    """A view over a scope without filter is the view of the file, up to the order of sums."""
    columns = "* exclude (agent_name)" if view == "agent_completion" else "*"
    with open_file(DuckDBFile(demo_file())) as file:
        views = ScopedViews(file, Filter()).open(None, None)
        sql = f"select {columns} from {view} order by all"
        assert _rounded(views.rows(sql)) == _rounded(file.rows(sql))
        assert view in ("agent_comparison",) or views.rows(sql)


@pytest.mark.parametrize("label", [None, ALL, AGENT, SPACE])
@pytest.mark.parametrize("part", ["everything", "a space", "an agent on some days"])
def test_a_scope_has_the_rows_of_a_file_that_holds_nothing_else(
    tmp_path: Path, part: str, label: str | None
) -> None:
    """Every scoped view equals that of a file whose `calls` and `task_counts` are tables with just these rows."""
    space = str(by_hand("select space_token from spaces where space_name = 'Growth Outreach'")[0])
    agent = str(by_hand("select agent_handle from agents where agent_name = 'Asha'")[0])
    last = by_hand("select max(local_date) from calls")[0]
    assert isinstance(last, date)
    chosen, where = {
        "everything": (Filter(), "true"),
        "a space": (Filter(spaces=(space,)), f"space_token = '{space}'"),
        "an agent on some days": (
            Filter(agents=(agent,), since=last - timedelta(days=40), until=last - timedelta(days=5)),
            f"agent_handle = '{agent}' and local_date between '{last}'::date - 40 and '{last}'::date - 5",
        ),
    }[part]
    statements = ["delete from agents"]
    for table, weekday in (("calls", ", started_local_weekday = 0"), ("task_counts", "")):
        statements += [
            f"create table kept as from {table} where {where}",
            f"drop view {table}",
            f"alter table kept rename to {table}",
        ]
        if label:
            values = f"space_token = 'all', agent_handle = {label}, local_date = '1970-01-01'{weekday}"
            statements.append(f"update {table} set {values}")
    alone = changed_copy(tmp_path / "alone.duckdb", *statements)
    with open_file(DuckDBFile(demo_file())) as file, open_file_of_tables(alone) as expected:
        views = ScopedViews(file, chosen).open(chosen.since, chosen.until, label=label)
        for view in SCOPED:
            sql = f"select * from {view} order by all"
            rows = views.rows(sql)
            assert _rounded(rows) == _rounded(expected(sql)), view
            assert rows or view == "agent_comparison" or (label and view == "daily_anomalies"), view


@contextmanager
def open_file_of_tables(path: Path) -> Iterator[Callable[[str], list[dict[str, object]]]]:
    """Answers SQL on a file in plain DuckDB."""
    with duckdb.connect(str(path), read_only=True) as connection:
        yield lambda sql: connection.sql(sql).to_arrow_table().to_pylist()


def test_quality_of_everything_is_the_view() -> None:
    """Filters that admit everything change no count of flaws, the refused values aside."""
    with open_file(DuckDBFile(demo_file())) as file:
        assert quality(file, Filter()) == file.rows("from data_quality")
        wide = quality(file, Filter(since=date(2000, 1, 1), until=date(2100, 1, 1)))
        rows = file.rows("from data_quality order by flaw")
        known = sorted(wide, key=lambda row: row["flaw"])
        assert [row for row in known if row["flaw"] != "rejected_values"] == [
            row for row in rows if row["flaw"] != "rejected_values"
        ]


@pytest.mark.parametrize(
    ("agent", "days"), [("Asha", (30, 10)), ("Vikram", (12, 5)), (None, (30, 10)), (None, (4, 0))]
)
def test_filters_act_on_every_figure(agent: str | None, days: tuple[int, int]) -> None:
    """Counts, rates, medians and costs equal SQL written by hand over the same calls."""
    last = by_hand("select max(local_date) from calls")[0]
    assert isinstance(last, date)
    since, until = (last - timedelta(days=number) for number in days)
    chosen = Request(agents=(agent,) if agent else (), since=since, until=until)
    figures = report(DuckDBFile(complete_file()), chosen).now
    who = (
        f"agent_handle = (select agent_handle from agents where agent_name = '{agent}')" if agent else "true"
    )
    called = f"{who} and local_date between '{since}' and '{until}'"
    row = by_hand(
        "select count(*), count(*) filter (is_dialed), count(*) filter (is_connected),"
        " count(*) filter (is_interested),"
        " median(duration_seconds) filter (is_connected), sum(cost), count(*) filter (is_engaged)"
        f" from calls where {called}"
    )
    tasks = by_hand(
        "select count(*), count(*) filter (status = 'completed') from tasks where deleted_at is null"
        f" and {who} and created_local_date between '{since}' and '{until}'"
    )
    assert (figures.calls, figures.connected.cases, figures.connected.hits, figures.interested.hits) == row[
        :4
    ]
    assert figures.durations.median == row[4]
    assert figures.costs.total == pytest.approx(row[5])
    assert (figures.engaged.hits, figures.engaged.cases) == (row[6], row[2])
    assert (figures.tasks, figures.completed.hits) == tasks
    assert figures.connected.rate == pytest.approx(figures.connected.hits / figures.connected.cases)


def test_parts_add_up(whole: Report) -> None:
    """Agents, spaces and stretches of time each make up the whole."""
    for parts in (whole.agents, whole.spaces, whole.trend):
        for count in ("tasks", "calls"):
            assert sum(getattr(part, count) for part in parts) == getattr(whole.detail, count)
        assert sum(part.connected.hits for part in parts) == whole.detail.connected.hits
    assert sum(row.calls for row in whole.outcomes) == whole.detail.calls
    assert sum(row.share or 0 for row in whole.outcomes) == pytest.approx(1)


def test_agents_have_their_scorecard(whole: Report) -> None:
    """The rates and intervals beside each other are those of agent_scorecard."""
    with open_file(DuckDBFile(demo_file())) as file:
        rows = file.rows("from agent_scorecard join agents using (agent_handle)")
    expected = {
        row["agent_name"]: Rate(
            row["connected_count"],
            row["dialed_count"],
            row["connect_rate"],
            row["connect_rate_low"],
            row["connect_rate_high"],
        )
        for row in rows
    }
    assert {row.label: row.connected for row in whole.agents} == expected


def test_without_dates_the_last_complete_week_against_the_one_before() -> None:
    """The week ends on the day before the last sync, in the configured time zone."""
    scope = report(DuckDBFile(demo_file()), Request()).scope
    assert scope.synced_at
    today = scope.synced_at.astimezone(ZoneInfo("Asia/Kolkata")).date()
    assert scope.time_zone == "Asia/Kolkata"
    assert scope.period.until == today - timedelta(days=1)
    assert (scope.period.days, scope.before.days, scope.detail.days, scope.trend_days) == (7, 7, 28, 7)
    assert scope.before.until == scope.period.since - timedelta(days=1)


def test_names_and_keys_are_the_same_agent() -> None:
    """An agent or space is found by name in any case, and by key; an unknown one is refused."""
    handle = str(by_hand("select agent_handle from agents where agent_name = 'Asha'")[0])
    one, other = (report(DuckDBFile(demo_file()), Request(agents=(word,))) for word in ("aSHA", handle))
    assert one.now == other.now
    assert one.scope.agents == ("Asha",)
    with pytest.raises(UsageError) as raised:
        report(DuckDBFile(demo_file()), Request(spaces=("Nowhere",)))
    assert "Growth Outreach" in raised.value.hint
    with pytest.raises(UsageError):
        report(DuckDBFile(demo_file()), Request(since=date(2026, 2, 1), until=date(2026, 1, 1)))


def test_nothing_is_not_zero(tmp_path: Path) -> None:
    """Without calls every rate, duration and cost is unknown, and no view stumbles."""
    content = report(DuckDBFile(changed_copy(tmp_path / "empty.duckdb", *EMPTY)), Request())
    for figures in (content.now, content.before, content.detail, *content.trend):
        assert (figures.tasks, figures.calls) == (0, 0)
        assert figures.connected.rate is None
        assert figures.durations.median is None
        assert figures.costs.total is None
    assert content.agents == content.outcomes == content.hours == ()


def test_costs_of_zero_are_unknown(tmp_path: Path) -> None:
    """An account that sends no costs has none, instead of free calls."""
    path = changed_copy(tmp_path / "free.duckdb", "update tasks set cost = 0")
    assert report(DuckDBFile(path), Request()).detail.costs.total is None


def test_attention_names_what_is_wrong(tmp_path: Path) -> None:
    """Old data, a failed sync and a count that disagrees come first, each with its remedy."""
    path = changed_copy(
        tmp_path / "old.duckdb",
        "update meta.bookmarks set last_synced_at = last_synced_at - interval 3 day,"
        " api_count = api_count + 5",
        "update meta.loads set status = 'failed', error = 'no network'",
    )
    items = {item.kind: item for item in report(DuckDBFile(path), Request()).attention}
    assert items["stale"].level == "act"
    assert "3 days" in items["stale"].text
    assert "no network" in items["last_sync"].text
    assert items["count_difference"].count == 5
    for item in items.values():
        assert item.hint
        if item.level != "know":  # one command, which can be pasted
            program, command, *arguments = shlex.split(item.hint)
            assert (program, command) in {("unpod-sync", name) for name in COMMANDS}, item.hint
            known = cli.group.get_command(click.Context(cli.group), command)
            assert known is not None
            known.make_context(command, arguments)


def test_forgotten_tasks_are_not_missing(tmp_path: Path) -> None:
    """What was erased is still counted by the API: that is no difference to look into."""
    path = changed_copy(
        tmp_path / "forgotten.duckdb",
        "update meta.bookmarks set api_count = api_count + 2 where resource like 'spaces/%/tasks'",
        "insert into meta.forgotten (hash, kind, space_token) select space_token || n, 'task', space_token"
        " from spaces, range(2) as numbers (n)",
    )
    assert "count_difference" not in {item.kind for item in report(DuckDBFile(path), Request()).attention}
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute(
            "select distinct forgotten_count, count_difference from sync_freshness"
        ).fetchall() == [(2, 0)]


def test_a_clock_that_was_ahead_is_named(tmp_path: Path) -> None:
    """A sync in the future does not make the data look fresh, nor minus three days old."""
    path = changed_copy(
        tmp_path / "ahead.duckdb",
        "update meta.bookmarks set last_synced_at = (select now_at from utc_clock) + interval 3 day",
    )
    texts = [item.text for item in report(DuckDBFile(path), Request()).attention if item.kind == "stale"]
    assert texts
    assert all("3 days in the future" in text for text in texts)


@pytest.mark.parametrize(("usual", "is_bad"), [("failed", False), ("completed", True)])
def test_only_bad_days_need_attention(tmp_path: Path, usual: str, is_bad: bool) -> None:
    """A day on which everything completed is unusual too, where one in five does, and good."""
    period = report(DuckDBFile(demo_file()), Request()).scope.period
    other = "failed" if usual == "completed" else "completed"
    day = by_hand(
        f"select local_date from daily_completion where local_date between '{period.since}' and '{period.until}'"
        " order by total_tasks desc limit 1"
    )[0]
    assert isinstance(day, date)
    path = changed_copy(
        tmp_path / "day.duckdb",
        f"update tasks set status = case when hash(task_id) % 10 < 8 then '{usual}' else '{other}' end",
        f"update tasks set status = '{other}' where created_local_date = '{day}'",
        "update meta.settings set value = '10' where name = 'anomaly_min_n'",
    )
    with duckdb.connect(str(path), read_only=True) as connection:
        row = connection.execute(
            f"select count(*) from daily_anomalies where is_completion_anomaly and local_date = '{day}'"
        ).fetchone()
    assert row
    assert row[0] > 0
    found = [
        item for item in report(DuckDBFile(path), Request()).attention if item.kind == "completion_anomaly"
    ]
    assert any(fmt.day(day) in item.text for item in found) == is_bad


def test_due_callbacks_follow_the_filters() -> None:
    """The callbacks of an agent are those of the view, judged against the calls of all agents."""
    due = by_hand(
        "select count(*) from callbacks_due where agent_handle ="
        " (select agent_handle from agents where agent_name = 'Asha')"
    )[0]
    items = report(DuckDBFile(demo_file()), Request(agents=("Asha",))).attention
    assert due == sum(item.count for item in items if item.kind == "callbacks_due")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """A file that is no database, and a database that is not ours, are named."""
    text = tmp_path / "text.duckdb"
    text.write_text("no database")
    with pytest.raises(WarehouseError):
        report(DuckDBFile(text), Request())
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    with pytest.raises(WarehouseError):
        report(DuckDBFile(tmp_path / "other.duckdb"), Request())


def test_asking_changes_nothing() -> None:
    """The published file is not touched."""
    before = demo_file().read_bytes()
    report(DuckDBFile(demo_file()), Request())
    assert demo_file().read_bytes() == before
    assert not demo_file().with_name("demo.duckdb.wal").exists()


def test_the_report_has_stable_keys(whole: Report) -> None:
    """What --json promises: names of sections and figures."""
    content = dataclasses.asdict(whole)
    sections = "scope now before today callbacks_due trend detail agents spaces outcomes hours changes"
    assert list(content) == [*sections.split(), "comparisons", "pairs_compared", "attention"]
    figures = "label tasks calls completed answered connected engaged interested successful durations costs"
    assert list(content["now"]) == figures.split()
    assert list(content["now"]["connected"]) == ["hits", "cases", "rate", "low", "high"]
    assert content["scope"]["synced_at"].tzinfo is UTC


def test_one_label_for_all_is_the_sum() -> None:
    """A scope labelled as one has one row in each view of rates, also in those by date."""
    with open_file(DuckDBFile(demo_file())) as file:
        views = ScopedViews(file, Filter()).open(None, None, label=ALL)
        for view in ("agent_scorecard", "call_funnel", "call_durations", "call_costs"):
            assert len(views.rows(f"from {view}")) == 1
