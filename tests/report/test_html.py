"""The page: one file, nothing from anywhere, nothing of anybody in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.demo_file import changed_copy, complete_file, demo_file
from unpod_sync.errors import WarehouseError
from unpod_sync.report.html import as_script, build, write
from unpod_sync.report.html.data import read
from unpod_sync.report.model import Request, report
from unpod_sync.warehouse.duckdb_file import DuckDBFile

HOSTILE = "</script><b onclick=alert(1)>&\u2028"


@pytest.fixture(scope="module")
def page() -> str:
    """The demo's page."""
    return build(read(DuckDBFile(demo_file()), Request()))


def test_written_whole_and_private(tmp_path: Path) -> None:
    """The file has mode 0600, replaces an older one, and leaves nothing beside it."""
    target = tmp_path / "report.html"
    target.write_text("old")
    size = write(target, DuckDBFile(demo_file()), Request())
    assert target.stat().st_size == size < 1_000_000
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    write(tmp_path / "missing" / "report.html", DuckDBFile(demo_file()), Request())
    assert (tmp_path / "missing" / "report.html").stat().st_size == size
    with pytest.raises(WarehouseError):
        write(target / "report.html", DuckDBFile(demo_file()), Request())  # in a file as if it were a folder


def test_asks_nothing_of_any_network(page: str) -> None:
    """No address but the name of SVG; the policy forbids loading, and names the one script by its hash."""
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page
    script = re.search(r"<script>(.*?)</script>", page, re.S)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_no_contact_and_no_word_of_a_call(page: str) -> None:
    """Names, numbers, addresses, summaries, recordings and messages stay in the database."""
    with duckdb.connect(str(demo_file()), read_only=True) as connection:
        private = connection.execute(
            "select unnest([contact_name, contact_number, contact_key, contact_email, user_email,"
            " summary, recording_url]) as value from tasks"
            " union select content from transcript_messages union select task_id from tasks"
        ).fetchall()
    values = {str(value) for (value,) in private if value and len(str(value)) > 5}
    assert len(values) > 1000
    assert not [value for value in values if value in page]


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    """A space, an agent or an outcome called like a tag cannot leave the data."""
    quoted = HOSTILE.replace("'", "''")
    path = changed_copy(
        tmp_path / "hostile.duckdb",
        f"update spaces set space_name = '{quoted}' || space_name",
        f"update agents set agent_name = '{quoted}'",
        f"update tasks set outcome = '{quoted}' where outcome = 'other'",
    )
    page = build(read(DuckDBFile(path), Request()))
    assert "<b onclick" not in page
    assert page.count("</script>") == 2
    assert "\u2028" not in page
    assert json.loads(as_script({"name": HOSTILE})) == {"name": HOSTILE}


def test_rows_add_up_to_the_report() -> None:
    """The counts in the page are those of the report over the same dates."""
    content = read(DuckDBFile(complete_file()), Request())
    whole = report(DuckDBFile(complete_file()), Request(since=date(2000, 1, 1))).now
    calls = content["calls"]
    assert sum(calls["calls"]) == whole.calls
    assert sum(calls["dialed"]) == whole.connected.cases
    assert sum(calls["connected"]) == whole.connected.hits
    assert sum(calls["interested"]) == whole.interested.hits
    assert sum(calls["successful"]) == whole.successful.hits
    assert sum(calls["cost"]) == pytest.approx(whole.costs.total)
    assert sum(content["tasks"]["total"]) == whole.tasks
    assert sum(content["durations"]["calls"]) == whole.durations.cases
    assert sum(content["outcomes"]["calls"]) == whole.calls
    with duckdb.connect(str(demo_file()), read_only=True) as connection:
        due = connection.execute("select count(*) from callbacks_due").fetchone()
    assert due == (sum(content["callbacks"]["calls"]),)


def test_filters_cut_what_the_page_carries() -> None:
    """A page made for one agent and some dates holds nothing else."""
    whole = read(DuckDBFile(demo_file()), Request())
    since = date.fromisoformat(whole["first"])
    cut = read(
        DuckDBFile(demo_file()), Request(agents=("Asha",), since=since, until=since + timedelta(days=27))
    )
    assert cut["agents"] == ["Asha"]
    assert cut["first"] == whole["first"]
    assert max(cut["calls"]["day"]) < cut["days"]
    assert 0 < sum(cut["calls"]["calls"]) < sum(whole["calls"]["calls"])


def test_costs_that_cancel_out_are_no_absent_costs(tmp_path: Path) -> None:
    """The page knows of each sum whether any cost was other than 0."""
    half = "update tasks set cost = case when hash(task_id) % 2 = 0 then 1 else -1 end"
    for change, is_paid in ((half, True), ("update tasks set cost = 0", False)):
        calls = read(DuckDBFile(changed_copy(tmp_path / f"{is_paid}.duckdb", change)), Request())["calls"]
        assert (sum(calls["paid"]) > 0) == is_paid
        assert sum(calls["costed"]) > 0


def test_definitions_are_those_of_the_file(page: str) -> None:
    """Every definition that the script names is in meta.metrics."""
    content = read(DuckDBFile(demo_file()), Request())
    views = "call_funnel|call_costs|call_outcomes|connect_heatmap|call_durations"
    views += "|space_completion|agent_scorecard|task_counts"
    named = set(
        re.findall(rf'"((?:{views})\.\w+)"', "".join(re.findall(r"<script>.*?</script>", page, re.S)))
    )
    assert len(named) > 12
    assert named <= set(content["metrics"])


def test_agents_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Two agents called alike keep their own rows."""
    content = read(
        DuckDBFile(changed_copy(tmp_path / "alike.duckdb", "update agents set agent_name = 'Asha'")),
        Request(),
    )
    assert len(set(content["agents"])) == len(content["agents"]) > 3


def test_an_empty_file_has_a_page(tmp_path: Path) -> None:
    """A file without a task gives a page that says so."""
    path = changed_copy(tmp_path / "empty.duckdb", "delete from tasks", "delete from runs")
    content = read(DuckDBFile(path), Request())
    assert content["calls"]["day"] == []
    assert build(content)


def test_the_last_step_of_the_funnel_is_a_part_of_the_one_before() -> None:
    """The page counts interested among engaged calls, as `call_funnel` does."""
    content = read(DuckDBFile(demo_file()), Request())
    pairs = zip(content["calls"]["engaged"], content["calls"]["engaged_interested"], strict=True)
    assert all(part <= whole for whole, part in pairs)
    with duckdb.connect(str(demo_file()), read_only=True) as connection:
        (interested,) = connection.execute("select sum(interested) from call_funnel").fetchone() or (None,)
    assert sum(content["calls"]["engaged_interested"]) == interested
