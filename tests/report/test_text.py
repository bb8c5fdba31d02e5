"""The report in a terminal: what it says, and that it fits."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len
from rich.console import Console

from tests.demo_file import changed_copy, demo_file
from unpod_sync import formatting as fmt
from unpod_sync.cli import group
from unpod_sync.report import drawing
from unpod_sync.report import text as report_text
from unpod_sync.report.kpis import Difference, Rate, empty_kpis
from unpod_sync.report.model import Report, Request, report
from unpod_sync.warehouse.duckdb_file import DuckDBFile


@pytest.fixture(scope="module")
def content() -> Report:
    """The demo's report."""
    return report(DuckDBFile(demo_file()), Request())


def text_of(content: Report, width: int) -> str:
    console = Console(width=width, force_terminal=False, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(report_text.report(content, width))
    return captured.get()


def run(*arguments: str, **environment: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80", **environment})
    asked = ["report", "--database", str(demo_file()), *arguments]
    return runner.invoke(group, asked, catch_exceptions=False)


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_fits_the_terminal(content: Report, width: int) -> None:
    """No line is wider than the terminal, and the whole stays about a screen and a half."""
    lines = [line.rstrip() for line in text_of(content, width).splitlines()]
    assert max(map(cell_len, lines)) <= width
    assert len(lines) <= 68


def test_first_lines_say_how_it_went_and_what_to_do(content: Report) -> None:
    """The head has the connect rate with its cases and the week before; then comes what needs attention."""
    lines = text_of(content, 100).splitlines()
    assert "dialed calls connected" in lines[3]
    assert f"of {content.now.connected.cases}" in lines[3]
    assert any("Needs attention" in line for line in lines[4:8])


@pytest.mark.parametrize("width", [80, 110])
def test_issues_are_those_of_the_period(content: Report, width: int) -> None:
    """The query has those of all dates; it stays on one line, to be copied."""
    text = text_of(content, width)
    assert "more data quality issues in this period; all dates:" in text
    assert "unpod-sync query 'from data_quality'" in text


def test_every_part_is_there(content: Report) -> None:
    """Figures, agents, spaces, outcomes and hours appear at every width."""
    for width in (60, 160):
        text = text_of(content, width)
        for word in (
            "Completed",
            "Connected",
            "Median call",
            "Asha",
            "Growth Outreach",
            "not interested",
            "by hour",
        ):
            assert word in text


def test_unknown_is_a_dash(content: Report) -> None:
    """What is not known is shown as – and never as 0."""
    empty = dataclasses.replace(content, now=dataclasses.replace(empty_kpis("all"), calls=3, tasks=3))
    line = next(line for line in text_of(empty, 80).splitlines() if line.startswith("Connected"))
    assert line.split()[1] == fmt.UNKNOWN, "the share of this period; the one before it follows"


def test_names_are_only_names(content: Report) -> None:
    """Markup and control characters in a name neither style nor break the page."""
    hostile = dataclasses.replace(content.agents[0], label="[red]x[/red] :smile:")
    text = text_of(dataclasses.replace(content, agents=(hostile,)), 100)
    assert "[red]x[/red] :smile:" in text


def test_a_file_without_calls_is_no_error(tmp_path: Path) -> None:
    """A first day without calls has a report, too."""
    path = changed_copy(tmp_path / "empty.duckdb", "delete from tasks", "delete from runs")
    assert "No calls in this period." in text_of(report(DuckDBFile(path), Request()), 80)


def test_the_command_prints_data_without_colour() -> None:
    """On stdout, without colour when it is no terminal, without blanks at the ends."""
    result = run()
    assert result.exit_code == 0
    assert "dialed calls connected" in result.stdout
    assert "\x1b" not in result.stdout
    assert not any(line != line.rstrip() for line in result.stdout.splitlines())
    assert result.stderr == ""


def test_no_color_is_honoured() -> None:
    """NO_COLOR leaves no colour even where colours were forced."""
    assert "\x1b[3" not in run(FORCE_COLOR="1", NO_COLOR="1").stdout


def test_json_has_the_same_content(content: Report) -> None:
    """--json is one document with the figures that the text shows."""
    found = json.loads(run("--json").stdout)
    assert found["now"]["connected"]["hits"] == content.now.connected.hits
    assert found["scope"]["period"]["until"] == content.scope.period.until.isoformat()
    assert [row["label"] for row in found["agents"]] == [row.label for row in content.agents]


def test_options_reach_the_report() -> None:
    """Dates, space and agent stand in the head; a wrong date is a usage error."""
    result = run("--since", "2026-01-01", "--agent", "asha", "--space", "growth outreach")
    assert "Growth Outreach, Asha" in result.stdout.splitlines()[0]
    assert run("--since", "yesterdy").exit_code == 2


def test_differences_of_agents_say_how_many_pairs_were_compared(content: Report) -> None:
    """One pair and one more difference are singular; without any difference the pairs are named too."""
    one = Difference(
        "connect", "Asha", "Vikram", Rate(60, 100, 0.6), Rate(40, 100, 0.4), 0.2, 0.07, 0.33, True
    )
    for differences, pairs, expected in (
        ((), 1, "1 pair of agents compared; no clear difference."),
        ((one,), 10, "10 pairs of agents compared; no other clear difference."),
        ((one,) * 3, 10, "10 pairs of agents compared; 1 more clear difference:"),
        ((one,) * 4, 10, "10 pairs of agents compared; 2 more clear differences:"),
    ):
        changed = dataclasses.replace(content, comparisons=differences, pairs_compared=pairs)
        text = text_of(changed, 120)
        assert expected in text
        assert ("Asha is 20 points above Vikram in connects" in text) == bool(differences)


def test_one_rule_for_sentences_and_marks(content: Report) -> None:
    """A rate has ▲ or ▼ exactly where its interval excludes 0; the sentence gives the interval."""
    for low, high, words, mark in (
        (0.02, 0.2, "up from 30% of 100 (95% interval +2 to +20 points).", "▲"),
        (-0.02, 0.2, "30% of 100 before, no clear change.", ""),
        (None, None, "30% of 100 before, too few days to judge a change.", ""),
    ):
        rates = Rate(41, 100, 0.41), Rate(30, 100, 0.3)
        is_clear = low is not None and low > 0
        rows = [
            Difference(name, "now", "before", *rates, 0.11, low, high, is_clear)
            for name in ("connect", "interested", "engaged", "successful", "completed")
        ]
        names = ("connected", "interested", "engaged", "successful", "completed")
        now, before = (dataclasses.replace(content.now, **dict.fromkeys(names, value)) for value in rates)
        lines = text_of(
            dataclasses.replace(content, now=now, before=before, changes=tuple(rows)), 120
        ).splitlines()
        assert lines[3] == f"41% of 100 dialed calls connected; {words}"
        assert lines[4] == f"41% of 100 connected calls had the outcome interested; {words}"
        for name in names:
            line = next(line for line in lines[5:] if line.startswith(name.capitalize()))
            assert ("▲" in line) == bool(mark)


def test_wording() -> None:
    """How numbers read."""
    assert drawing.rate(Rate(228, 373, 228 / 373)) == "61% of 373"
    assert drawing.rate(Rate(0, 0, None)) == fmt.UNKNOWN
    assert fmt.percent(0.0) == "0%"
    assert fmt.percent(0.003) == "0.3%"
    assert fmt.percent(0.9999) == "> 99.9%"
    assert (fmt.percent(0.125), fmt.percent(0.135)) == ("13%", "14%"), "half is rounded up, as on the page"
    assert (fmt.plural(1, "day"), fmt.plural(2000, "day")) == ("1 day", "2,000 days")
    assert fmt.format_clock(84) == "1:24"
    assert fmt.format_clock(3684) == "1:01:24"
    assert fmt.points(-0.123) == "−12 pts"
    assert fmt.growth(3, 0) == fmt.UNKNOWN
    assert fmt.days(date(2026, 11, 14), date(2026, 11, 20)) == "Sat 14 – Fri 20 Nov 2026"
    assert fmt.days(date(2025, 12, 30), date(2026, 1, 5)) == "Tue 30 Dec 2025 – Mon 5 Jan 2026"
    assert drawing.spark([None, 0, 1]) == "·▁█"
    assert drawing.whisker(Rate(5, 10, 0.5, 0.25, 0.75), 9) == "  ├─●─┤  "
    assert fmt.money(None) == fmt.UNKNOWN
