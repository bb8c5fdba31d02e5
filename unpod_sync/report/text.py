"""The report as text for a terminal: pure, from dataclasses to rich renderables.

First what was reached and what changed, then what to do, then the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from operator import attrgetter, itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from unpod_sync import formatting as fmt
from unpod_sync.report import drawing
from unpod_sync.report.alerts import Alert
from unpod_sync.report.kpis import Difference, Kpis, Rate
from unpod_sync.report.model import WEEK, Hour, Report, Scope

#: From these widths on there is room for the week before, and for drawn intervals.
MEDIUM = 76
WIDE = 110
MARKS = {"act": ("!", "bold red"), "look": ("?", "yellow"), "know": ("·", "dim")}
NOTES = 3
#: What the other columns of agents or spaces take, the name aside.
UNDRAWN = 86
#: How many agents or spaces are shown, the busiest first.
ROWS = 8
FOOT = (
    "up, down, ▲ ▼: 95% interval by day and contact excludes 0.",
    "What a number means: unpod-sync metrics",
    "With charts: unpod-sync report --html report.html",
)
#: The two rates of the head, in words that go on after `56% of 196`; the page has the same.
CONNECTED, INTERESTED = "dialed calls connected", "connected calls had the outcome interested"


@dataclass(frozen=True, slots=True)
class KpiRow:
    """One row of the numbers: its value, how it is written, and for a rate the measure of its change."""

    label: str
    value: Callable[[Kpis], Any]
    write: Callable[[Any], str]
    measure: str = ""

    def number(self, kpis: Kpis) -> float | None:
        """The value as a number."""
        value = self.value(kpis)
        return value.rate if isinstance(value, Rate) else value

    def text(self, kpis: Kpis) -> str:
        """The value as it is shown."""
        return self.write(self.value(kpis))


KPI_ROWS = (
    KpiRow("Tasks", attrgetter("tasks"), fmt.count),
    KpiRow("Completed", attrgetter("completed"), drawing.rate, "completed"),
    KpiRow("Dialed", attrgetter("connected.cases"), fmt.count),
    KpiRow("Connected", attrgetter("connected"), drawing.rate, "connect"),
    KpiRow("Engaged", attrgetter("engaged"), drawing.rate, "engaged"),
    KpiRow("Interested", attrgetter("interested"), drawing.rate, "interested"),
    KpiRow("Successful", attrgetter("successful"), drawing.rate, "successful"),
    KpiRow("Median call", attrgetter("durations.median"), fmt.format_clock),
    KpiRow("9 in 10 within", attrgetter("durations.p90"), fmt.format_clock),
    KpiRow("Talk time", attrgetter("durations.total"), fmt.hours),
)
#: Shown only where the platform sent costs.
COST_ROWS = (
    KpiRow("Cost", attrgetter("costs.total"), fmt.money),
    KpiRow("per interested", attrgetter("costs.per_interested"), fmt.money),
)


def report(content: Report, width: int) -> Group:
    """The whole report for a terminal of `width` columns."""
    parts: list[RenderableType] = [*_head(content), Text()]
    parts += [*_attention(content.attention, width), Text(), _numbers(content, width), Text()]
    if content.detail.calls:
        parts += [
            *_parts("Agents", content, content.agents, width),
            *_comparisons(content, width),
            Text(),
        ]
        if len(content.spaces) > 1:
            parts += [*_parts("Spaces", content, content.spaces, width), Text()]
        parts += [*_outcomes(content, width), Text(), *_hours(content), Text()]
    parts += [Text(line, "dim") for line in FOOT]
    return Group(*parts)


def _head(content: Report) -> Iterator[Text]:
    scope = content.scope
    yield Text.assemble(
        (fmt.days(scope.period.since, scope.period.until), "bold"), ("  " + _filters(scope), "dim")
    )
    yield Text(_freshness(scope), "dim")
    yield Text()
    now = content.now
    if now.calls or now.tasks:
        yield _sentence(content, CONNECTED, lambda kpis: kpis.connected, "connect")
        yield _sentence(content, INTERESTED, lambda kpis: kpis.interested, "interested")
    else:
        yield Text("No calls in this period.", "bold")
    if content.today is not None and content.scope.today is not None:
        yield _today(content.today, content.scope.today)


def _today(kpis: Kpis, today: date) -> Text:
    """The day of the last sync, which is no part of any period."""
    connected = f", {fmt.percent(kpis.connected.rate)} connected" if kpis.connected.cases else ""
    counts = f"{fmt.plural(kpis.tasks, 'task')}, {fmt.count(kpis.connected.cases)} dialed"
    return Text(f"{fmt.day(today)} so far: {counts}{connected}.", "dim")


def _filters(scope: Scope) -> str:
    return ", ".join((*scope.spaces, *scope.agents)) or "all spaces, all agents"


def _freshness(scope: Scope) -> str:
    against = (
        "a part of a day, compared with nothing"
        if scope.is_partial
        else f"against {fmt.days(scope.before.since, scope.before.until)}"
    )
    if scope.synced_at is None:
        return f"never synced · {against}"
    local = scope.synced_at.astimezone(ZoneInfo(scope.time_zone))
    age = max(0, (scope.asked_at - scope.synced_at).total_seconds())
    return f"synced {fmt.format_age(age)}, {local:%H:%M} {scope.time_zone} · {against}"


def _change(changes: Iterable[Difference], measure: str) -> Difference | None:
    return next((change for change in changes if change.measure == measure), None)


def _sentence(content: Report, what: str, value: Callable[[Kpis], Rate], measure: str) -> Text:
    now, before, change = value(content.now), value(content.before), _change(content.changes, measure)
    if now.rate is None:
        return Text(f"No {what.split(' ', 1)[0]} calls.", "bold")
    text = Text.assemble((fmt.percent(now.rate), "bold"), f" of {fmt.count(now.cases)} {what}")
    if change is None:
        return text.append("." if content.scope.is_partial else "; nothing to compare with.")
    if change.low is None or change.high is None:
        return text.append(f"; {drawing.rate(before)} before, too few days to judge a change.")
    if not change.is_significant:
        return text.append(f"; {drawing.rate(before)} before, no clear change.")
    risen = change.difference > 0
    return (
        text.append("; ")
        .append(
            f"{'up' if risen else 'down'} from {drawing.rate(before)}", "bold green" if risen else "bold red"
        )
        .append(f" (95% interval {fmt.between(change.low, change.high)}).")
    )


def _attention(items: tuple[Alert, ...], width: int) -> Iterator[RenderableType]:
    yield _title("Needs attention", "")
    if not items:
        yield Text("Nothing.", "green")
        return
    urgent = [item for item in items if item.level != "know"]
    notes = [item for item in items if item.level == "know"]
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(ratio=1)
    shown = NOTES if width >= MEDIUM else 1
    for item in (*urgent, *notes[:shown]):
        mark, style = MARKS[item.level]
        text = Text(item.text, "" if item.level != "know" else "dim")
        if item.level != "know":
            # on a line of its own where it would be broken: commands are there to be copied
            fits = cell_len(f"  {item.text}  → {item.hint}") <= width
            hint = Text("→ " + item.hint, "cyan")
            table.add_row(
                Text(mark, style), text.append("  ").append_text(hint) if fits else Group(text, hint)
            )
        else:
            table.add_row(Text(mark, style), text)
    if len(notes) > shown:
        issues = fmt.plural(len(notes) - shown, "more data quality issue")
        more, command = f"{issues} in this period; all dates:", "unpod-sync query 'from data_quality'"
        fits = cell_len(f"  {more} {command}") <= width
        lines = [f"{more} {command}"] if fits else [more, command]
        table.add_row("", Group(*(Text(line, "dim") for line in lines)))
    yield table


def _numbers(content: Report, width: int) -> Table:
    """The KPIs of the period, of the one before, the change and the trend."""
    table = _table()
    table.add_column("", style="bold")
    table.add_column("Now", justify="right")
    if width >= MEDIUM:
        table.add_column("Before", justify="right", style="dim")
    table.add_column("Change", justify="right")
    table.add_column(_spans(content))
    if width >= WIDE:
        table.add_column("Lowest to highest", style="dim")
    for row in (*KPI_ROWS, *(COST_ROWS if content.detail.costs.total is not None else ())):
        numbers = [row.number(kpis) for kpis in content.trend]
        cells: list[RenderableType] = [row.label, row.text(content.now)]
        cells += [row.text(content.before)] * (width >= MEDIUM)
        cells += [_change_of(row, content), Text(drawing.spark(numbers), "cyan")]
        known = [
            (number, row.text(kpis))
            for kpis, number in zip(content.trend, numbers, strict=True)
            if number is not None
        ]
        if width >= WIDE and known:
            first = itemgetter(0)
            cells.append(f"{min(known, key=first)[1]} to {max(known, key=first)[1]}")
        table.add_row(*cells)
    return table


def _spans(content: Report) -> str:
    """What the sparks stand for: `8 weeks`, or `8 × 4 days`."""
    days = content.scope.trend_days
    number = len(content.trend)
    if days == WEEK:
        return fmt.plural(number, "week")
    return fmt.plural(number, "day") if days == 1 else f"{number} × {days} days"


def _change_of(row: KpiRow, content: Report) -> Text:
    """The change of a number against the period before."""
    now, before = row.value(content.now), row.value(content.before)
    if isinstance(now, Rate) and isinstance(before, Rate):
        return _moved(now, before, _change(content.changes, row.measure))
    return Text(fmt.growth(row.number(content.now), row.number(content.before)), "dim")


def _moved(now: Rate, before: Rate, change: Difference | None) -> Text:
    """A change of a rate; ▲ ▼ by the rule of the sentences: its clustered interval excludes 0."""
    if now.rate is None or before.rate is None:
        return Text(fmt.UNKNOWN, "dim")
    difference = now.rate - before.rate
    if change is None or not change.is_significant:
        return Text(fmt.points(difference), "dim")
    return Text(
        f"{'▲' if difference > 0 else '▼'} {fmt.points(difference)}", "green" if difference > 0 else "red"
    )


def _parts(title: str, content: Report, rows: tuple[Kpis, ...], width: int) -> Iterator[RenderableType]:
    """Agents or spaces, one a line."""
    detail = content.scope.detail
    yield _title(title, fmt.days(detail.since, detail.until))
    table = _table()
    table.add_column(
        "", style="bold", no_wrap=True, overflow="ellipsis", max_width=24 if width >= MEDIUM else 18
    )
    table.add_column("Connected", justify="right")
    table.add_column("95%", style="dim")
    room = min(24, width - UNDRAWN - max((min(24, cell_len(row.label)) for row in rows[:ROWS]), default=0))
    is_drawn = room >= 12
    if is_drawn:
        table.add_column("0" + "100".rjust(room - 1), style="cyan", no_wrap=True)
    table.add_column("Interested", justify="right")
    if width >= MEDIUM:
        table.add_column("95%", style="dim")
        table.add_column("Completed", justify="right")
        table.add_column("Median", justify="right")
    if width >= WIDE:
        table.add_column("Cost", justify="right")
        table.add_column("per interested", justify="right")
    for row in rows[:ROWS]:
        cells = [row.label, drawing.rate(row.connected), drawing.interval(row.connected)]
        cells += [drawing.whisker(row.connected, room)] if is_drawn else []
        cells.append(drawing.rate(row.interested))
        if width >= MEDIUM:
            cells += [
                drawing.interval(row.interested),
                drawing.rate(row.completed),
                fmt.format_clock(row.durations.median),
            ]
        if width >= WIDE:
            cells += [fmt.money(row.costs.total), fmt.money(row.costs.per_interested)]
        table.add_row(*map(Text, cells))
    yield table
    if len(rows) > ROWS:
        yield Text(f"{len(rows) - ROWS} more with fewer calls: unpod-sync report --json", "dim")


def _comparisons(content: Report, width: int) -> Iterator[Text]:
    """The clear differences of the view agent_comparison, and how many pairs were compared."""
    if not content.pairs_compared:
        return
    nouns = {"connect": "connects", "interested": "interest"}
    strongest = sorted(content.comparisons, key=lambda row: -abs(row.difference))
    shown = NOTES - 1 if width >= MEDIUM else 1
    for row in strongest[:shown]:
        one, other = (row.one, row.other) if row.difference > 0 else (row.other, row.one)
        low, high = sorted(abs(fmt.rounded(100 * bound)) for bound in (row.low or 0, row.high or 0))
        points = fmt.plural(int(fmt.rounded(abs(100 * row.difference))), "point")
        yield Text(
            f"{one} is {points} above {other} in {nouns[row.measure]}"
            f" on the days both dialed ({low:.0f} to {high:.0f}).",
            "dim",
        )
    pairs = fmt.plural(content.pairs_compared, "pair of agents", "pairs of agents")
    more = len(strongest) - shown
    if more > 0:
        hint = ": unpod-sync query 'from agent_comparison'" if width >= MEDIUM else "."
        found = fmt.plural(more, "more clear difference") + hint
    else:
        found = "no other clear difference." if strongest else "no clear difference."
    yield Text(f"{pairs} compared; {found}", "dim")


def _outcomes(content: Report, width: int) -> Iterator[RenderableType]:
    labelled = next((row.cases for row in content.outcomes), 0)
    yield _title("Outcomes", f"of {fmt.count(labelled)} calls that have one")
    table = _table(header=False)
    table.add_column("", style="bold")
    table.add_column("", justify="right")
    table.add_column("", justify="right", style="dim")
    table.add_column("", justify="right", style="dim")
    table.add_column("", style="cyan")
    top = max((row.share or 0 for row in content.outcomes), default=0) or 1
    room = 40 if width >= WIDE else 24 if width >= MEDIUM else 12
    for row in content.outcomes:
        change = None if row.share is None or row.share_before is None else row.share - row.share_before
        name = "no outcome" if row.outcome is None else fmt.words(row.outcome)
        cells = (fmt.percent(row.share), fmt.count(row.calls), "" if change is None else fmt.points(change))
        table.add_row(name, *cells, drawing.bar((row.share or 0) / top, room))
    yield table


def _hours(content: Report) -> Iterator[RenderableType]:
    """The hours in which calls connect, as a line of sparks above the clock."""
    yield _title("Connected by hour", content.scope.time_zone)
    if not content.hours:
        yield Text(fmt.UNKNOWN)
        return
    reliable = [row for row in content.hours if row.is_reliable]
    rates = {row.hour: row.connected.rate for row in reliable}
    ends = [row.hour for row in reliable or content.hours]
    shown = range(min(ends), max(ends) + 1)
    marks = drawing.spark([rates.get(hour) for hour in shown])
    yield Text("".join((mark if mark == drawing.GAP else mark * 2).ljust(3) for mark in marks), "cyan")
    yield Text("".join(f"{hour:02} " for hour in shown), "dim")
    text = f"{drawing.GAP}: too few calls for a narrow interval." if len(rates) < len(shown) else ""
    if len(reliable) > 1:
        ordered = sorted(reliable, key=lambda row: row.connected.rate or 0)
        best, worst = ordered[-1], ordered[0]
        is_apart = best.connected.low is not None and best.connected.low > (worst.connected.high or 1)
        found = (
            f"Best {_hour(best)}; worst {_hour(worst)}."
            if is_apart
            else "No hour is clearly better than another."
        )
        text = f"{found} {text}"
    yield Text(text.strip(), "dim")


def _hour(row: Hour) -> str:
    """`11:00, 62% of 80 (51–72)`, with the interval of the view."""
    span = drawing.interval(row.connected)
    return f"{row.hour:02}:00, {drawing.rate(row.connected)}" + (f" ({span})" if span else "")


def _title(title: str, note: str) -> Text:
    return Text.assemble((title, "bold underline"), ("  " + note if note else "", "dim"))


def _table(*, header: bool = True) -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=header, header_style="dim")
