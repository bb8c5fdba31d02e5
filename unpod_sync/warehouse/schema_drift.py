"""Words and fields that the API is known to send, and a notice when it sends others.

Only rows that a load wrote are looked at, and each finding is reported once: it is remembered in
meta.settings.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from unpod_sync.tables import BY_KIND

if TYPE_CHECKING:
    import duckdb

    from unpod_sync.warehouse.database import Warehouse

MOST_REMEMBERED = 200
SETTING = "vocabulary_notices"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Column → its known words, folded as the column is (docs/api-behaviour.md, section 4).
WORDS: dict[str, frozenset[str]] = {
    "tasks.status": _words(
        "pending in_progress completed failed processing scheduled hold partially_completed queued running"
    ),
    "tasks.execution_type": _words("call email answer email_classification dealer space_call sdk_call"),
    "tasks.call_type": _words("inbound outbound sdk"),
    "tasks.call_status": _words(
        "connected not_connected failed cancelled completed busy voicemail dropped "
        "call_dispatched calldispatched in_call incall out_call outcall unknown missed"
    ),
    "tasks.outcome": _words(
        "interested call_back send_details not_interested not_connected abandoned dropped error"
    ),
    "runs.status": _words(
        "completed running failed pending scheduled in_progress partially_completed partial"
    ),
    "transcript_messages.role": _words("agent user system tool"),
}

#: Labels that the column folds into "other" although they are known.
KNOWN_OUTCOME_LABELS = frozenset(
    {"connected", "unknown", "sale", "follow-up needed", "meeting scheduled", "n/a", "none"}
)


@dataclass(frozen=True, slots=True)
class DriftNotice:
    """Something the API had not shown before. `value` is a word or the name of a field."""

    where: str
    value: str
    rows: int
    first_seen_at: str

    @property
    def text(self) -> str:
        """One line for people."""
        rows = f"{self.rows:,} row{'s' if self.rows != 1 else ''}"
        if self.where in BY_KIND:
            return f"the API shows a new field in {self.where}s: {self.value} ({rows}); raw.payloads keeps it"
        return f"the API shows a new word in {self.where}: {self.value} ({rows}); see the view data_quality"


def detect_drift(warehouse: Warehouse, load_id: str, now: datetime) -> list[DriftNotice]:
    """What this load's rows show for the first time; remembers it."""
    earlier = remembered(warehouse.connection)
    known = {(notice.where, notice.value) for notice in earlier}
    found = Counter(_unknown_words(warehouse.connection, load_id)) + _unknown_fields(
        warehouse.connection, load_id
    )
    seen_at = now.isoformat(timespec="seconds")
    new = [DriftNotice(*key, rows, seen_at) for key, rows in sorted(found.items()) if key not in known]
    if new:
        kept = (earlier + new)[-MOST_REMEMBERED:]
        comment = "Words and fields outside the known vocabularies, each told once."
        warehouse.set_setting(SETTING, json.dumps([asdict(notice) for notice in kept]), comment)
    return new


def remembered(connection: duckdb.DuckDBPyConnection) -> list[DriftNotice]:
    """Every notice taken so far, oldest first."""
    row = connection.execute("select value from meta.settings where name = ?", [SETTING]).fetchone()
    return [DriftNotice(**item) for item in json.loads(row[0])] if row else []


def _unknown_words(connection: duckdb.DuckDBPyConnection, load_id: str) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for where, words in WORDS.items():
        table, column = where.split(".")
        shown = "outcome_label" if column == "outcome" else column
        condition = (
            "batch_id in (select distinct batch_id from main.tasks where load_id = ?)"
            if table == "transcript_messages"
            else "load_id = ?"
        )
        rows = connection.execute(
            f"select {shown}, count(*) from main.{table} where {condition} and {column} is not null"
            f" and {column} not in (select unnest(?)) group by 1 order by 2 desc, 1 limit 20",
            [load_id, sorted(words)],
        ).fetchall()
        for value, count in rows:
            if column == "outcome" and value and value.strip().lower() in KNOWN_OUTCOME_LABELS:
                continue
            key = (where, _presentable(value))
            found[key] = found.get(key, 0) + count
    return found


def _unknown_fields(connection: duckdb.DuckDBPyConnection, load_id: str) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for kind, table in BY_KIND.items():
        rows = connection.execute(
            f"select payload_keys, count(*) from {table.name} where load_id = ? group by 1", [load_id]
        ).fetchall()
        for keys, count in rows:
            for name in set((keys or "").split(",")) - table.known_fields - {""}:
                found[kind, _presentable(name)] += count
    return found


def _presentable(value: str | None) -> str:
    """The value when it reads like a word; free text may hold what belongs in no log."""
    text = " ".join((value or "").split())
    return (
        text
        if re.fullmatch(r"[A-Za-z_][\w /-]{0,39}", text) and not re.search(r"\d{4}", text)
        else "(not shown)"
    )
