"""The page in a real Chromium: it draws, it filters, it asks nobody, and no name can run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Chromium, find
from tests.demo_file import changed_copy, demo_file
from unpod_sync.page import write
from unpod_sync.reports import Request, report

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
    write(target, demo_file(), Request())
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
    scope = report(demo_file(), Request()).scope
    request = Request(agents=(agent,) if agent else (), since=scope.detail.since, until=scope.period.since)
    expected = report(demo_file(), request).now
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


def test_a_selection_without_calls_says_so(page: Chromium) -> None:
    """An empty selection shows no chart and no 0 %."""
    page.run("(() => { filter.space = 99; draw(); })()")
    assert page.run("document.querySelectorAll('[data-chart] svg').length") == 0
    assert "No calls" in page.run("document.getElementById('lead').innerText")
    assert "0 %" not in page.run("document.getElementById('tiles').innerText")


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
    write(tmp_path / "hostile.html", path, Request())
    browser.errors.clear()
    browser.open(tmp_path / "hostile.html")
    assert browser.run("window.hit") is None
    assert browser.run("document.querySelectorAll('b, img').length") == 0
    assert name in browser.run("document.getElementById('space').innerText")
    assert browser.errors == []
