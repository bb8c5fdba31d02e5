"""One finding, and what all of them together mean for the exit status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from unpod_sync.errors import (
    EXIT_CONFIGURATION,
    EXIT_CREDENTIALS,
    EXIT_DONE,
    EXIT_FAILED,
    UnpodSyncError,
)


class Level(StrEnum):
    """How bad a finding is: `warn` may wait, `fail` stops a sync."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, and what to do when it is not well."""

    level: Level
    name: str
    text: str
    remedy: str = ""
    exit_status: int = EXIT_FAILED


def ok(name: str, text: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, name, text)


def warn(name: str, text: str, remedy: str) -> Finding:
    """Something that may wait."""
    return Finding(Level.WARN, name, text, remedy)


def fail(name: str, text: str, remedy: str) -> Finding:
    """Something that stops a sync."""
    return Finding(Level.FAIL, name, text, remedy)


def failed(name: str, error: UnpodSyncError) -> Finding:
    """The finding that an error is, with its remedy and exit status."""
    return Finding(Level.FAIL, name, error.message, error.hint, error.exit_status)


def exit_status(findings: Iterable[Finding]) -> int:
    """78 when the configuration is at fault, 77 when the API refused the token, else 1 or 0."""
    failures = {finding.exit_status for finding in findings if finding.level is Level.FAIL}
    for status in (EXIT_CONFIGURATION, EXIT_CREDENTIALS):
        if status in failures:
            return status
    return EXIT_FAILED if failures else EXIT_DONE
