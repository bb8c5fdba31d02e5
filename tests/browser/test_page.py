"""The page in a real Chromium: it draws, it filters, it asks nobody, and no name can run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from tests.browser.chromium import Chromium, find
from tests.demo_file import changed_copy, demo_file
from tests.report.test_surfaces import CASES, as_written, of_views
from unpod_sync import formatting as fmt
from unpod_sync.report import text as report_text
from unpod_sync.report.html import write
from unpod_sync.report.model import Request, report
from unpod_sync.warehouse.duckdb_file import DuckDBFile

CHARTS = ("trend", "funnel", "heat", "agents", "outcomes", "durations", "costs")

pytestmark = pytest.mark.skipif(find() is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One browser for all tests."""
    chromium = Chromium(str(find()), tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.close()


@pytest.fixture
def page(browser: Chromium, tmp_path: Path) -> Iterator[Chromium]:
    """The browser with the demo's page; afterwards nothing may have gone wrong or out."""
    target = tmp_path / "report.html"
    write(target, DuckDBFile(demo_file()), Request())
    browser.errors.clear()
    browser.screen(1280, 900)
    browser.open(target)
    yield browser
    assert browser.errors == []
    # the browser draws its own calendar icon from a data: address
    assert [url for url in browser.requests if not url.startswith("data:image/svg+xml")] == [target.as_uri()]


def select(page: Chromium, element: str, label: str) -> None:
    """Chooses an option as a user does."""
    page.run(
        f"(() => {{ const box = document.getElementById({element!r});"
        f" box.value = [...box.options].find((option) => option.text === {label!r}).value;"
        " box.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )


def dates(page: Chromium, since: str, until: str) -> None:
    """Types both dates."""
    page.run(
        f"(() => {{ since.value = {since!r}; until.value = {until!r};"
        " until.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )


def drawn(page: Chromium) -> dict[str, str]:
    """What each chart and table looks like now."""
    return {name: page.run(f"document.querySelector('[data-chart={name}]').innerHTML") for name in CHARTS}


def test_every_chart_is_drawn_with_its_table(page: Chromium) -> None:
    """Each figure has shapes in an SVG, and a table of its numbers."""
    for name in CHARTS:
        shapes = f"document.querySelectorAll('[data-chart={name}] svg :is(rect, circle, line)').length"
        assert page.run(shapes) > 4, name
        assert page.run(f"document.querySelectorAll('[data-chart={name}] tbody tr').length") > 1, name
    assert "NaN" not in page.run("document.body.innerHTML")
    assert page.run("document.querySelectorAll('.tile').length") == 8


@pytest.mark.parametrize("agent", [None, "Asha"])
def test_filters_act_on_everything_and_agree_with_the_report(page: Chromium, agent: str | None) -> None:
    """Choosing an agent and dates changes every chart, to the numbers of the terminal's report."""
    before = drawn(page)
    scope = report(DuckDBFile(demo_file()), Request()).scope
    request = Request(agents=(agent,) if agent else (), since=scope.detail.since, until=scope.period.since)
    expected = report(DuckDBFile(demo_file()), request).now
    dates(page, str(request.since), str(request.until))
    if agent:
        select(page, "agent", agent)
    after = drawn(page)
    assert [name for name in CHARTS if before[name] == after[name]] == []
    found = json.loads(
        page.run(
            "(() => { const now = total(filter), of = (key) => MEASURES[key].of(now); return JSON.stringify({"
            " connected: of('connected'), interested: of('interested'), completed: of('completed'),"
            " successful: of('successful'), median: quantile(now.seconds, .5),"
            " cost: now.cost, calls: now.calls }) })()"
        )
    )
    for measure in ("connected", "interested", "completed", "successful"):
        rate = getattr(expected, measure)
        assert found[measure] == pytest.approx(
            {"hits": rate.hits, "cases": rate.cases, "rate": rate.rate, "low": rate.low, "high": rate.high}
        )
    assert found["calls"] == expected.calls
    assert found["cost"] == pytest.approx(expected.costs.total)
    assert found["median"] == pytest.approx(expected.durations.median, abs=3)
    tiles = page.run("document.getElementById('tiles').innerText")
    assert f"of {expected.connected.cases}" in tiles


@pytest.mark.parametrize("case", [case for case in CASES if case != "today only"])
def test_the_page_has_the_numbers_of_the_views(page: Chromium, case: str) -> None:
    """The script's own sums and quantiles, and what stands in the tiles, for each period and filter."""
    request, period = CASES[case]()
    for element, names in (("space", request.spaces), ("agent", request.agents)):
        for name in names:
            select(page, element, name)
    if request.since or request.until:
        dates(page, str(request.since), str(request.until or period.until))
    expected = of_views(request, period)
    names = ", ".join(name for name in expected if name not in ("tasks", "median", "callbacks"))
    found = json.loads(
        page.run(
            f"(() => {{ const {{ {names}, total: tasks, seconds }} = total(filter);"
            f" return JSON.stringify({{ {names}, tasks, median: quantile(seconds, .5) || 0,"
            " callbacks: due(filter) }) })()"
        )
    )
    assert found == pytest.approx(expected, abs=0.001)
    tiles = page.run("document.getElementById('tiles').innerText").split("\n")
    for name, text in as_written(expected).items():
        if name in ("Tasks", "Completed", "Connected", "Engaged", "Interested", "Successful", "Median call"):
            value, _, cases = text.partition(" of ")
            place = tiles.index(name)
            assert tiles[place + 1] == value
            assert not cases or tiles[place + 2] == f"of {cases}"
    promised = fmt.plural(expected["callbacks"], "promised callback was", "promised callbacks were")
    listed = page.run("document.getElementById('attention').innerText")
    assert (promised in listed) == bool(expected["callbacks"])


def test_the_page_says_what_the_terminal_says(page: Chromium) -> None:
    """Its first period, its sentences and its marks are those of the report."""
    content = report(DuckDBFile(demo_file()), Request())
    found = json.loads(page.run("document.body.dataset.drawn"))
    assert found["until"] - found["since"] + 1 == content.scope.period.days
    assert page.run("document.getElementById('until').value") == str(content.scope.period.until)
    lead = page.run("document.getElementById('lead').innerText").split("\n")
    console = Console(width=400, force_terminal=False, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(report_text.report(content, 400))
    assert [line for line in lead if line] == captured.get().splitlines()[3:5]
    names = {"connect": "connected", "completed": "completed"} | {
        name: name for name in ("engaged", "interested", "successful")
    }
    for row in content.changes:
        moved = page.run(
            f"(() => {{ const of = MEASURES[{names[row.measure]!r}].of;"
            f" return change({names[row.measure]!r}, filter, of(total(filter)), of(total(before()))) }})()"
        )
        assert (moved["low"], moved["high"]) == pytest.approx((row.low, row.high), abs=1e-6)
        assert moved["clear"] == row.is_significant


def test_a_change_of_another_selection_is_not_judged(page: Chromium) -> None:
    """Without an interval there is neither a mark nor a word of it."""
    scope = report(DuckDBFile(demo_file()), Request()).scope
    dates(page, str(scope.period.since), str(scope.period.until - timedelta(days=2)))
    lead = page.run("document.getElementById('lead').innerText")
    assert " before." in lead
    assert not any(word in lead for word in ("clear", "up from", "down from"))
    assert not any(mark in page.run("document.getElementById('tiles').innerText") for mark in "▲▼")


def test_both_languages_compute_and_write_alike(page: Chromium) -> None:
    """Wilson intervals are those of the file's macros, quantiles DuckDB's; numbers read as the terminal writes them."""
    pairs = [
        (hits, cases) for cases in (0, 1, 2, 7, 40, 200, 1999) for hits in {0, cases // 8, cases // 2, cases}
    ]
    found = json.loads(
        page.run(f"JSON.stringify({json.dumps(pairs)}.map(([hits, cases]) => rate(hits, cases)))")
    )
    with duckdb.connect(str(demo_file()), read_only=True) as connection:
        intervals = connection.execute(
            "select n / nullif(d, 0), wilson_low(n, d), wilson_high(n, d)"
            " from (select unnest(?::bigint[]) as n, unnest(?::bigint[]) as d)",
            [list(column) for column in zip(*pairs, strict=True)],
        ).fetchall()
    for value, expected in zip(found, intervals, strict=True):
        assert [value["rate"], value["low"], value["high"]] == [
            None if number is None else pytest.approx(number, abs=1e-12) for number in expected
        ]
    for seconds in ([4.25], [1.5, 2.5], [9.0, 1.0, 1.0, 30.125, 7.5, 7.5, 61.0]):
        counts = json.dumps([[value, seconds.count(value)] for value in sorted(set(seconds))])
        for part in (0.5, 0.9, 0.99):
            [(exact,)] = duckdb.execute(
                f"select quantile_cont(value, {part}) from (select unnest({seconds})::double as value)"
            ).fetchall()
            assert page.run(f"quantile(new Map({counts}), {part})") == pytest.approx(exact)
    shares = [0, 0.0001, 0.0005, 0.0025, 0.004, 0.005, 0.125, 0.135, 0.5, 0.985, 0.9975, 0.9996, 1]
    amounts = [0.0, 0.0005, 0.0625, 0.3125, 0.9999, 1.005, 12.5, 1234.565, -0.25, -3.5]
    times = [0.0, 0.5, 59.5, 72.5, 84.4, 3599.6, 3684.0, 36000.0]
    changes = [-0.5, -0.125, -0.0049, 0.0, 0.004, 0.125, 0.175]
    growths = [(0, 5), (5, 0), (3, 2), (1, 8), (7, 8), (99, 10), (1000, 9)]
    written = json.loads(
        page.run(
            f"JSON.stringify([{shares}.map(percent), {amounts}.map(money), {times}.map(clock),"
            f" {changes}.map(points), {json.dumps(growths)}.map(([now, before]) => growth(now, before)),"
            " [1, 2, 1234].map((count) => plural(count, 'call')), between(-0.125, 0.031)])"
        )
    )
    assert written == [
        [fmt.percent(share) for share in shares],
        [fmt.money(amount) for amount in amounts],
        [fmt.format_clock(seconds) for seconds in times],
        [fmt.points(change) for change in changes],
        [fmt.growth(now, before) for now, before in growths],
        [fmt.plural(count, "call") for count in (1, 2, 1234)],
        fmt.between(-0.125, 0.031),
    ]


def test_a_selection_without_calls_says_so(page: Chromium) -> None:
    """An empty selection shows no chart and no 0%."""
    page.run("(() => { filter.space = 99; draw(); })()")
    assert page.run("document.querySelectorAll('[data-chart] svg').length") == 0
    assert "No calls" in page.run("document.getElementById('lead').innerText")
    assert "0%" not in page.run("document.getElementById('tiles').innerText")


def test_definitions_show_by_keyboard_and_pointer(page: Chromium) -> None:
    """A term shows its definition from meta.metrics when it gets the focus."""
    page.run("document.querySelector('#tiles .tile:nth-child(3) .def').focus()")
    assert "dialed" in page.run("tip.hidden ? '' : tip.textContent").lower()
    page.run("document.activeElement.blur()")
    assert page.run("tip.hidden")


@pytest.mark.parametrize(
    ("width", "is_dark", "media"), [(1600, False, "screen"), (400, True, "screen"), (794, True, "print")]
)
def test_fits_every_screen(page: Chromium, width: int, is_dark: bool, media: str) -> None:
    """Nothing sticks out sideways, in light, dark and print; print is black on white."""
    page.screen(width, 900, dark=is_dark, media=media)
    page.run("draw()")
    assert page.run("document.documentElement.scrollWidth") <= width
    background = page.run("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (media == "print")
    page.screen(1280, 900)


def test_hostile_names_are_shown_and_do_nothing(browser: Chromium, tmp_path: Path) -> None:
    """A space called like a script is a name in a list."""
    name = "</script><b>x<img src=x onerror=window.hit=1>"
    path = changed_copy(
        tmp_path / "hostile.duckdb",
        f"update spaces set space_name = '{name}'",
        f"update agents set agent_name = '{name}'",
    )
    write(tmp_path / "hostile.html", DuckDBFile(path), Request())
    browser.errors.clear()
    browser.open(tmp_path / "hostile.html")
    assert browser.run("window.hit") is None
    assert browser.run("document.querySelectorAll('b, img').length") == 0
    assert name in browser.run("document.getElementById('space').innerText")
    assert browser.errors == []
