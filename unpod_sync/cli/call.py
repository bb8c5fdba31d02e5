"""`unpod-sync call`."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from unpod_sync.cli.common import database_option, output_options, published
from unpod_sync.cli.output import Output
from unpod_sync.cli.terminal import cut, pad
from unpod_sync.config import Settings
from unpod_sync.escaping import escape_control_chars
from unpod_sync.operations.formatting import UNKNOWN, format_clock, format_time

if TYPE_CHECKING:
    from unpod_sync.analytics.call_history import CallHistory, Revision

#: What the first version tells; later ones tell every change.
FIRST = ("status", "call_status", "outcome", "message_count", "recording_url")

#: A silence in the transcript worth a line, in seconds.
LONG_GAP = 10


@click.command(
    epilog="""Examples:

\b
  unpod-sync call T59547fb0e49a11f180070a0b00001480
  unpod-sync call T59547 --json
""",
)
@click.argument("task_id")
@database_option
@output_options
def command(settings: Settings, output: Output, *, task_id: str) -> None:
    """Show everything about one call: its data, history, transcript and analysis.

    The beginning of a TASK_ID is enough if it is unique. A call_id also works.
    """
    from unpod_sync.analytics.call_history import call_history
    from unpod_sync.analytics.query import open_published

    with open_published(published(settings)) as connection:
        told = call_history(connection, task_id)
    if output.json:
        output.dump(dataclasses.asdict(told))
        return
    width = min(shutil.get_terminal_size()[0], 100) if sys.stdout.isatty() else 100
    zone = settings.zone
    parts = (_head(told, zone), _chapters(told.chapters, zone), _analysis(told.task, zone, width))
    for part in (*parts, _dialogue(told, width)):
        for line in (*part, ""):
            output.data(line)


def _head(told: CallHistory, zone: ZoneInfo) -> Iterator[str]:
    """Who, when, how long, how it ended, where to hear it."""
    task = told.task
    yield escape_control_chars(f"Call {task['task_id']}") + (
        "  (no longer listed by the API)" if task["deleted_at"] else ""
    )
    yield from _facts(
        [
            ("contact", _join(task["contact_name"], task["contact_number"], task["contact_email"])),
            ("agent", _join(task["agent_name"], task["agent_handle"])),
            ("space", _join(task["space_name"], task["space_token"])),
            ("run", task["run_id"]),
            (
                "status",
                _join(task["status"], task["call_status"], task["call_end_reason"], task["error_message"]),
            ),
            ("created", format_time(task["created_at"], zone)),
            ("scheduled", task["scheduled_at"] and format_time(task["scheduled_at"], zone)),
            ("called", task["started_at"] and format_time(task["started_at"], zone)),
            ("duration", format_clock(task["duration_seconds"])),
            ("cost", task["cost"]),
            ("recording", task["recording_url"]),
        ]
    )


def _chapters(chapters: Sequence[Revision], zone: ZoneInfo) -> Iterator[str]:
    """What changed, and when a sync saw it."""
    yield "Story, as the syncs saw it"
    for number, chapter in enumerate(chapters):
        changes = (
            chapter.changes if number else [change for change in chapter.changes if change.column in FIRST]
        )
        told = [
            f"{change.column}: {_short(change.after)}"
            if not number
            else f"{change.column}: {_short(change.before)} → {_short(change.after)}"
            for change in changes
        ]
        when = format_time(chapter.observed_at, zone)
        yield f"  {when}  {told[0] if told else 'content outside the columns changed'}"
        yield from (f"  {' ' * len(when)}  {line}" for line in told[1:])


def _analysis(task: dict[str, Any], zone: ZoneInfo, width: int) -> Iterator[str]:
    """What the analysis after the call says."""
    yield "Analysis"
    if not task["has_analysis"]:
        yield "  none yet" if task["status"] != "failed" else "  none"
        return
    yield from textwrap.wrap(
        escape_control_chars(task["summary"] or ""), width, initial_indent="  ", subsequent_indent="  "
    )
    callback = format_time(task["callback_at"], zone) if task["callback_at"] else task["callback_label"]
    yield from _facts(
        [
            ("outcome", _join(task["outcome"], task["outcome_label"])),
            ("sentiment", task["sentiment"]),
            ("success", task["success_label"]),
            ("call back", callback),
            ("labels", task["labels"]),
            *_structured(task["structured_data_json"]),
        ]
    )


def _structured(text: str | None) -> list[tuple[str, object]]:
    """The keys of the structured data; text that is no object as it is."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return [("structured", text)]
    return [
        (f"· {key}", item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
        for key, item in value.items()
    ]


def _dialogue(told: CallHistory, width: int) -> Iterator[str]:
    """The transcript: time from the first message, who, what; long gaps as such."""
    yield f"Transcript, {len(told.transcript)} messages" if told.transcript else "No transcript"
    start = next((said.sent_at for said in told.transcript if said.sent_at), None)
    last: datetime | None = None
    for said in told.transcript:
        gap = (said.sent_at - last).total_seconds() if said.sent_at and last else 0
        if gap >= LONG_GAP:
            yield f"{'':8}({gap:.0f} s later)"
        last = said.sent_at or last
        at = (
            format_clock((said.sent_at - start).total_seconds())
            if said.sent_at and start and said.sent_at >= start
            else ""
        )
        before = f"{at:>7} {escape_control_chars(said.role or '?'):>6}  "
        room = max(20, width - len(before))
        lines = textwrap.wrap(escape_control_chars(said.content or "–"), room) or ["–"]
        yield before + lines[0]
        yield from (" " * len(before) + line for line in lines[1:])


def _facts(facts: Sequence[tuple[str, object]]) -> Iterator[str]:
    """Labelled lines for what is known."""
    known = [(escape_control_chars(label), value) for label, value in facts if value not in (None, "", "–")]
    size = max((len(label) for label, _ in known), default=0)
    for label, value in known:
        yield f"  {pad(label, size)}  {escape_control_chars(str(value))}"


def _join(*values: object) -> str:
    """What is known of several values, each once."""
    return " · ".join(dict.fromkeys(str(value) for value in values if value not in (None, "")))


def _short(value: object) -> str:
    """A value of the story in one line."""
    return UNKNOWN if value is None else cut(escape_control_chars(str(value)), 60)
