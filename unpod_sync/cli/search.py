"""`unpod-sync search`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from unpod_sync.cli.common import (
    AGENT,
    SPACE,
    database_option,
    form_of,
    open_reader,
    output_file_options,
    output_options,
    write_result,
)
from unpod_sync.cli.dates import period_options
from unpod_sync.cli.output import Output, Part, Styled, as_json, plain
from unpod_sync.config import Settings
from unpod_sync.formatting import UNKNOWN, format_clock, format_time, plural

if TYPE_CHECKING:
    from unpod_sync.analytics.search import CallMatch, Line


@click.command(
    epilog="""Examples:

\b
  unpod-sync search refund invoice
  unpod-sync search "call me back" --role user --since 2026-11-01
  unpod-sync search '"too expensive" subsidy' --outcome not_interested --json
  unpod-sync search refund --since 4w --limit 1000 --output refunds.xlsx
""",
)
@click.argument("text", nargs=-1, required=True)
@click.option(
    "--role", type=click.Choice(["user", "agent", "system", "tool"]), help="Only messages of this role."
)
@AGENT
@click.option("--outcome", help="Only calls with this outcome, such as call_back.")
@SPACE
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Maximum number of calls."
)
@click.option(
    "--context",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Messages to show around each match.",
)
@output_file_options("text for people", "Write the calls to this file, one row each.")
@database_option
@period_options
@output_options
def command(
    settings: Settings,
    output: Output,
    *,
    text: tuple[str, ...],
    role: str | None,
    agent: str | None,
    outcome: str | None,
    space: str | None,
    since: date | None,
    until: date | None,
    limit: int,
    context: int,
    form: str | None,
    target: Path | None,
) -> None:
    """Find calls by what was said, newest first.

    Words match in any order within one message, at the beginning of words ("refund" finds
    refunds), regardless of case and accents. Text in quotes is a phrase: exactly these words
    in this order. On a terminal a long result is shown in your pager (PAGER). Files have one
    row per call, with times in UTC and the passages as text; in CSV a text that begins like a
    formula gets a leading apostrophe.
    """
    from unpod_sync.analytics.search import Request, search
    from unpod_sync.analytics.search_query import parse

    form = form_of(form, target, as_json=output.json)
    request = Request(parse(text), role, agent, outcome, space, since, until)
    with open_reader(settings) as connection:
        calls, more = search(connection, request, limit=limit, context=context)
    _write(calls, form, target, output, settings.zone)
    found = plural(len(calls), "call") if calls else "no call matches"
    output.say(f"({found}{f'; there are more, see --limit {limit * 5}' if more else ''})")


def _write(calls: list[CallMatch], form: str, target: Path | None, output: Output, zone: ZoneInfo) -> None:
    """The calls in a form, into the file or onto stdout."""
    from unpod_sync.analytics.search import as_result
    from unpod_sync.analytics.writers import write_text

    if form == "json":
        document = [dataclasses.asdict(call) for call in calls]
        if target is None:
            output.dump(document)
        else:
            write_text(as_json(document) + "\n", target)
    elif form == "table":
        lines = [line for call in calls for line in _call(call, zone)]
        if target is not None:
            write_text("".join(f"{''.join(map(plain, line))}\n" for line in lines), target)
        else:
            output.page(lines)
    else:
        write_result(form, as_result(calls), target, output, for_spreadsheets=True)


def _call(call: CallMatch, zone: ZoneInfo) -> Iterator[tuple[Part, ...]]:
    """A call: a line about it, its passages, where to hear it."""
    contact = " ".join(part for part in (call.contact_name, call.contact_number) if part) or UNKNOWN
    facts = [
        format_time(call.called_at, zone),
        contact,
        _named(call.agent_name, call.agent_handle),
        call.outcome or call.status or UNKNOWN,
        format_clock(call.duration_seconds),
    ]
    yield (Styled(" · ".join(facts), bold=True),)
    for number, passage in enumerate(call.passages):
        if number:
            yield ("      …",)
        for line in passage:
            yield tuple(_line(line))
    shown = sum(line.is_match for passage in call.passages for line in passage)
    if call.match_count > shown:
        yield (f"      … and {call.match_count - shown} more",)
    where = [call.task_id, _named(call.space_name, call.space_token), call.recording_url]
    yield (Styled("".join(f"  {part}" for part in where if part), dim=True),)
    yield ("",)


def _named(name: str | None, key: str | None) -> str:
    """A name with the key that options and SQL take."""
    return f"{name} ({key})" if name and key else key or UNKNOWN


def _line(line: Line) -> Iterator[Part]:
    """One message: who, what; the match marked."""
    yield f"  {'>' if line.is_match else ' '} {line.role or '?':>6}  "
    end = 0
    for start, stop in line.marks:
        yield line.content[end:start]
        yield Styled(line.content[start:stop], fg="yellow", bold=True)
        end = stop
    yield line.content[end:]
