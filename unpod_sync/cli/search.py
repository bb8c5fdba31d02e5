"""`unpod-sync search`."""

from __future__ import annotations

import dataclasses
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from unpod_sync.cli.common import Output, database_option, output_options, published
from unpod_sync.config import Settings

if TYPE_CHECKING:
    from unpod_sync.search import Found, Line

DATE = click.DateTime(formats=["%Y-%m-%d"])


@click.command(
    epilog="""Examples:

\b
  unpod-sync search refund invoice
  unpod-sync search "call me back" --role user --since 2026-11-01
  unpod-sync search '"too expensive" subsidy' --outcome not_interested --json
""",
    short_help="Find calls by what was said.",
)
@click.argument("text", nargs=-1, required=True)
@click.option(
    "--role", type=click.Choice(["user", "agent", "system", "tool"]), help="Only what this side said."
)
@click.option("--agent", help="Only this agent's calls (handle or name).")
@click.option("--outcome", help="Only calls with this outcome, such as call_back.")
@click.option("--space", help="Only this space (token or name).")
@click.option("--since", type=DATE, help="First local date, such as 2026-11-01.")
@click.option("--until", type=DATE, help="Last local date, included.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Calls at most.")
@click.option(
    "--context", type=click.IntRange(min=0), default=1, show_default=True, help="Messages around each match."
)
@database_option
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
    since: datetime | None,
    until: datetime | None,
    limit: int,
    context: int,
) -> None:
    """Find calls by what was said, newest first.

    Words are found in any order within one message, at the beginning of words ("refund" finds
    refunds), whatever their case and accents. What stands in quotes is a phrase: these words
    exactly, in this order.
    """
    from unpod_sync.phrases import parse
    from unpod_sync.querying import open_published
    from unpod_sync.search import Request, search

    request = Request(
        parse(text),
        role,
        agent,
        outcome,
        space,
        since.date() if since else None,
        until.date() if until else None,
    )
    with open_published(published(settings)) as connection:
        calls, more = search(connection, request, limit=limit, context=context)
    if output.json:
        output.dump([dataclasses.asdict(call) for call in calls])
        return
    _show(calls, more, limit, output, settings.zone)


def _show(calls: list[Found], more: bool, limit: int, output: Output, zone: ZoneInfo) -> None:
    """The calls on stdout, how many on stderr."""
    for call in calls:
        output.data(_call(call, zone))
    many = "no call says that" if not calls else f"{len(calls):,} {'call' if len(calls) == 1 else 'calls'}"
    output.say(f"({many}{f'; there are more, see --limit {limit * 5}' if more else ''})")


def _call(call: Found, zone: ZoneInfo) -> str:
    """A call: a line about it, its passages, where to hear it."""
    from unpod_sync.terminal import NOTHING, clock, harmless, local

    contact = " ".join(part for part in (call.contact_name, call.contact_number) if part) or NOTHING
    facts = [
        local(call.called_at, zone),
        contact,
        call.agent_name or call.agent_handle or NOTHING,
        call.outcome or call.status or NOTHING,
        clock(call.duration_seconds),
    ]
    lines = [_style(" · ".join(harmless(fact) for fact in facts), bold=True)]
    for number, passage in enumerate(call.passages):
        lines += ["      …"] if number else []
        lines += [_line(line) for line in passage]
    shown = sum(line.is_match for passage in call.passages for line in passage)
    if call.match_count > shown:
        lines.append(f"      … and {call.match_count - shown} more")
    where = f"  {harmless(call.recording_url)}" if call.recording_url else ""
    return "\n".join([*lines, _style(f"  {harmless(call.task_id)}{where}", dim=True), ""])


def _line(line: Line) -> str:
    """One message: who, what; the match marked."""
    from unpod_sync.terminal import harmless

    pieces, end = [], 0
    for start, stop in line.marks:
        pieces += [
            harmless(line.content[end:start]),
            _style(harmless(line.content[start:stop]), fg="yellow", bold=True),
        ]
        end = stop
    pieces.append(harmless(line.content[end:]))
    return f"  {'>' if line.is_match else ' '} {harmless(line.role or '?'):>6}  {''.join(pieces)}"


def _style(text: str, **style: Any) -> str:
    """Colours on a terminal only."""
    import os

    return click.style(text, **style) if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text
