"""Faults that a simulator can have, and the state that decides when one strikes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from threading import Lock
from typing import Final

RETRYABLE: Final = (
    "429", "500", "502", "503", "reset", "truncate", "truncate_silent", "bad_json", "html_200", "206_errors",
    "empty_200",
)  # fmt: skip
"""The kinds after which asking again is right; `Fault.random` draws from them."""

KINDS: Final = frozenset(RETRYABLE) | {
    "206_access", "hang", "drip", "redirect_host", "poison", "dead_space", "401", "403", "404",
    "data_not_list", "missing_count", "wrong_count", "short_page", "duplicate_rows", "random",
}  # fmt: skip
"""Every kind of fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave. More than twelve fields, since each kind has its own.

    `match` is a substring or a regular expression of path and query ("" is every API request), `times` how
    often it strikes at most, `probability` how often of those it could. The other fields matter to some
    kinds only: `retry_after` to 429 and 503 (None sends no header), `task_id` to poison, `seconds` to hang
    and drip (None: until the simulator stops), `location` to redirect_host (a base URL), `status` to
    dead_space (206, 403, 404 or 500), `form` to 206_errors and poison ("object", "documented"; None
    alternates), `amount` to wrong_count (added to `count`), short_page and duplicate_rows (rows), `chunked`
    to truncate_silent.
    """

    kind: str
    match: str = ""
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    retry_after: float | None = None
    task_id: str | None = None
    seconds: float | None = None
    location: str = ""
    status: int = 206
    form: str | None = None
    amount: int = 1
    chunked: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never strike."""
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}: one of {', '.join(sorted(KINDS))}")
        if self.kind == "poison" and not self.task_id:
            raise ValueError("a poison fault needs task_id")
        if self.kind == "redirect_host" and not self.location:
            raise ValueError("a redirect_host fault needs location")

    @classmethod
    def random(cls, probability: float, seed: int = 0, *, match: str = "", times: int | None = None) -> Fault:
        """A fault that is of another retryable kind each time it strikes."""
        return cls("random", match=match, times=times, probability=probability, seed=seed)


class FaultState:
    """The faults now switched on, each with what is left of it. Safe from any thread."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Every fault fresh."""
        self.faults = tuple(faults)
        self.hits = [0] * len(self.faults)
        self._patterns = [_pattern(fault.match) for fault in self.faults]
        self._rngs = [Random(fault.seed) for fault in self.faults]
        self._lock = Lock()

    def strike(self, target: str, poisoned: frozenset[str] | set[str]) -> Fault | None:
        """The first fault that strikes this request. `poisoned` are the poison task ids on its page."""
        with self._lock:
            for number, fault in enumerate(self.faults):
                if fault.times is not None and self.hits[number] >= fault.times:
                    continue
                if fault.kind == "poison" and fault.task_id not in poisoned:
                    continue
                if fault.match and fault.match not in target and not self._patterns[number].search(target):
                    continue
                if fault.probability < 1 and self._rngs[number].random() >= fault.probability:
                    continue
                self.hits[number] += 1
                return self._settled(fault, number)
        return None

    def poison_ids(self) -> set[str]:
        """The task ids that poison their page."""
        return {fault.task_id for fault in self.faults if fault.kind == "poison" and fault.task_id}

    def _settled(self, fault: Fault, number: int) -> Fault:
        if fault.kind == "random":
            rng = self._rngs[number]
            fault = replace(fault, kind=rng.choice(RETRYABLE), retry_after=rng.choice((None, 0.0)))
        if fault.form is None:
            fault = replace(fault, form=("object", "documented")[self.hits[number] % 2])
        return fault


def _pattern(match: str) -> re.Pattern[str]:
    try:
        return re.compile(match)
    except re.error:
        return re.compile(re.escape(match))
