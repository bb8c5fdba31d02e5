"""`unpod-sync call`."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from unpod_sync.cli.common import database_option, open_reader, output_options
from unpod_sync.cli.output import Output
from unpod_sync.cli.terminal import cut, pad, screen_width, width_of
from unpod_sync.config import Settings
from unpod_sync.escaping import escape_control_chars
from unpod_sync.formatting import UNKNOWN, format_clock, format_time, plural

if TYPE_CHECKING:
    from unpod_sync.analytics.call_history import Message, Revision

#: Columns shown of the first revision; of later ones every change is shown.
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

    with open_reader(settings) as connection:
        history = call_history(connection, task_id)
    if output.json:
        output.dump(dataclasses.asdict(history))
        return
    width = min(screen_width() or 100, 100)
    for part in (
        _head(history.task, settings.zone),
        _revisions(history.chapters, settings.zone),
        _analysis(history.task, settings.zone, width),
        _dialogue(history.transcript, width),
    ):
        for line in (*part, ""):
            output.data(line)


def _head(task: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    """Contact, times, length, end and recording of the call."""
    yield f"Call {task['task_id']}" + ("  (no longer listed by the API)" if task["deleted_at"] else "")
    yield from _facts(
        ("contact", _join(task["contact_name"], task["contact_number"], task["contact_email"])),
        ("agent", _join(task["agent_name"], task["agent_handle"])),
        ("space", _join(task["space_name"], task["space_token"])),
        ("run", task["run_id"]),
        (
            "status",
            _join(task["status"], task["call_status"], task["call_end_reason"], task["error_message"]),
        ),
        ("created", format_time(task["created_at"], zone)),
        ("scheduled", format_time(task["scheduled_at"], zone)),
        ("called", format_time(task["started_at"], zone)),
        ("duration", format_clock(task["duration_seconds"])),
        ("cost", task["cost"]),
        ("recording", task["recording_url"]),
    )


def _revisions(revisions: Sequence[Revision], zone: ZoneInfo) -> Iterator[str]:
    """What changed, and when a sync saw it; of the first revision what is known."""
    yield "History, as seen by the syncs"
    for number, revision in enumerate(revisions):
        lines = [
            f"{change.column}: {f'{_short(change.before)} → ' if number else ''}{_short(change.after)}"
            for change in revision.changes
            if number or change.column in FIRST
        ]
        when = format_time(revision.observed_at, zone)
        yield f"  {when}  {lines[0] if lines else 'content outside the columns changed'}"
        yield from (f"  {' ' * len(when)}  {line}" for line in lines[1:])


def _analysis(task: dict[str, Any], zone: ZoneInfo, width: int) -> Iterator[str]:
    """The analysis after the call."""
    yield "Analysis"
    if not task["has_analysis"]:
        yield "  none yet" if task["status"] != "failed" else "  none"
        return
    summary = escape_control_chars(task["summary"] or "")
    yield from textwrap.wrap(summary, width, initial_indent="  ", subsequent_indent="  ")
    yield from _facts(
        ("outcome", _join(task["outcome"], task["outcome_label"])),
        ("sentiment", task["sentiment"]),
        ("success", task["success_label"]),
        (
            "call back",
            format_time(task["callback_at"], zone) if task["callback_at"] else task["callback_label"],
        ),
        ("labels", task["labels"]),
        *_structured(task["structured_data_json"]),
    )


def _structured(text: str | None) -> list[tuple[str, object]]:
    """The keys of the structured data; text that is not an object as it is."""
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


def _dialogue(messages: Sequence[Message], width: int) -> Iterator[str]:
    """The transcript: time from the first message, role, text; long gaps as such."""
    yield f"Transcript, {plural(len(messages), 'message')}" if messages else "No transcript"
    start = next((message.sent_at for message in messages if message.sent_at), None)
    last: datetime | None = None
    for message in messages:
        gap = (message.sent_at - last).total_seconds() if message.sent_at and last else 0
        if gap >= LONG_GAP:
            yield f"{'':8}({gap:.0f} s later)"
        last = message.sent_at or last
        passed = (message.sent_at - start).total_seconds() if message.sent_at and start else -1
        at = format_clock(passed) if passed >= 0 else ""
        before = f"{at:>7} {escape_control_chars(message.role or '?'):>6}  "
        content = escape_control_chars(message.content or UNKNOWN)
        lines = textwrap.wrap(content, max(20, width - len(before))) or [UNKNOWN]
        yield before + lines[0]
        yield from (" " * len(before) + line for line in lines[1:])


def _facts(*facts: tuple[str, object]) -> Iterator[str]:
    """Labelled lines for what is known."""
    known = [(label, value) for label, value in facts if value not in (None, "", UNKNOWN)]
    size = max((width_of(label) for label, _ in known), default=0)
    for label, value in known:
        yield f"  {pad(label, size)}  {value}"


def _join(*values: object) -> str:
    """What is known of several values, each once."""
    return " · ".join(dict.fromkeys(str(value) for value in values if value not in (None, "")))


def _short(value: object) -> str:
    """A value in one line."""
    return UNKNOWN if value is None else cut(escape_control_chars(str(value)), 60)
