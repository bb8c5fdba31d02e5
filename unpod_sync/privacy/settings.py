"""The privacy settings that stored tasks are under, compared with new ones. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from unpod_sync.config import REDACTED_FIELDS, Settings

AGED_TRANSCRIPTS = "transcripts"


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """Fields dropped and hashed; `days` that transcripts are kept, and the `cutoff` reached with them.

    Transcripts of tasks created before `cutoff` are masked.
    """

    drop: frozenset[str] = frozenset()
    hash: frozenset[str] = frozenset()
    days: int | None = None
    cutoff: datetime | None = None

    @classmethod
    def from_json(cls, text: str | None) -> PrivacySettings:
        """What `to_json` wrote; without a text, nothing is redacted."""
        if not text:
            return cls()
        stored = json.loads(text)
        cutoff = datetime.fromisoformat(stored["cutoff"]) if stored["cutoff"] else None
        return cls(frozenset(stored["drop"]), frozenset(stored["hash"]), stored["days"], cutoff)

    def to_json(self) -> str:
        """The settings as one row of `meta.settings` keeps them."""
        cutoff = self.cutoff.isoformat() if self.cutoff else None
        return json.dumps(
            {"drop": sorted(self.drop), "hash": sorted(self.hash), "days": self.days, "cutoff": cutoff}
        )

    def configured(self, settings: Settings) -> PrivacySettings:
        """The configured redaction with the cutoff reached so far: `aged` moves it when the time is certain.

        A field that is both dropped and hashed is dropped.
        """
        drop = frozenset(settings.redact_drop)
        is_aged = settings.keep_transcripts_days is not None and self.cutoff is not None
        return PrivacySettings(
            drop,
            frozenset(settings.redact_hash) - drop,
            self.days if is_aged else None,
            self.cutoff if is_aged else None,
        )

    def aged(self, days: int | None, now: datetime) -> PrivacySettings:
        """The same with the cutoff that `days` give now; a clock that was set back does not move it back."""
        cutoff = cutoff_of(days, now)
        if cutoff and self.cutoff and days == self.days:
            cutoff = max(cutoff, self.cutoff)
        return replace(self, days=days, cutoff=cutoff)

    def stricter_than(self, other: PrivacySettings) -> list[str]:
        """The fields of which these settings keep less, and `transcripts` when more of them are masked."""
        fields = [field for field in REDACTED_FIELDS if self._level(field) > other._level(field)]
        if self.cutoff is not None and (other.cutoff is None or self.cutoff > other.cutoff):
            fields.append(AGED_TRANSCRIPTS)
        return fields

    def _level(self, field: str) -> int:
        return 2 if field in self.drop else 1 if field in self.hash else 0


@dataclass(frozen=True, slots=True)
class Backfill:
    """The stored tasks to redact: those created in this time (None is no bound), with or without their history."""

    since: datetime | None = None
    until: datetime | None = None
    with_history: bool = True


def plan_backfill(old: PrivacySettings, new: PrivacySettings) -> Backfill | None:
    """What must change in the database when `new` replaces `old`; None when nothing must."""
    stricter = new.stricter_than(old)
    if not stricter:
        return None
    if stricter == [AGED_TRANSCRIPTS]:  # the history has no transcripts
        return Backfill(old.cutoff, new.cutoff, with_history=False)
    return Backfill()


def cutoff_of(days: int | None, now: datetime) -> datetime | None:
    """Transcripts created before it are not kept: whole days (UTC), so that it moves once a day."""
    if days is None:
        return None
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
