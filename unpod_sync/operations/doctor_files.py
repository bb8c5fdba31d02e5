"""What the storage of the warehouse says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from unpod_sync.operations.finding import Finding, Level
from unpod_sync.warehouse.storage import Check, Storage


def findings(storage: Storage, now: datetime) -> Iterator[Finding]:
    """The storage's own checks."""
    return map(_finding, storage.checks(now=now))


def folder_finding(folder: Path) -> Finding:
    """Whether a database may be made in this folder."""
    from unpod_sync.warehouse.file_checks import folder_check

    return _finding(folder_check(folder))


def _finding(check: Check) -> Finding:
    return Finding(Level(check.level), check.name, check.text, check.remedy)
