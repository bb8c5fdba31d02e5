"""What the steps of one load share."""

from __future__ import annotations

import secrets as random_secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from unpod_sync.api import Client
from unpod_sync.clock import Clock
from unpod_sync.config import Settings
from unpod_sync.model import Page
from unpod_sync.privacy.policy import Privacy
from unpod_sync.sync.progress import ListProgress
from unpod_sync.warehouse.storage import Storage


@dataclass(frozen=True, slots=True)
class Options:
    """What one call of `sync` requests beyond the settings.

    `configured`: the spaces of the configuration where `Settings.spaces` are others, chosen for this sync alone.
    """

    full: bool = False
    dry_run: bool = False
    accept_deletions: bool = False
    configured: tuple[str, ...] | None = None

    @property
    def command(self) -> str:
        """The equivalent command line, as `meta.loads` keeps it."""
        flags = (("--full", self.full), ("--accept-deletions", self.accept_deletions))
        return " ".join(["sync", *(flag for flag, is_set in flags if is_set)])


DEFAULT_OPTIONS = Options()


@dataclass(slots=True)
class Context:
    """One load under way: its surroundings, then its results (so more than 12 fields).

    `clock` follows the server's time. `used_before`: requests that earlier syncs of this day made.
    """

    settings: Settings
    options: Options
    storage: Storage
    client: Client
    clock: Clock
    now: Callable[[], datetime]
    on_page: Callable[[ListProgress, Page], None] | None
    used_before: int
    started_at: datetime = field(init=False)
    load_id: str = field(init=False)
    privacy: Privacy = field(init=False)  # from opening
    lists: list[ListProgress] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    published: bool = False
    summary: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Names the load by its start."""
        self.started_at = self.now()
        self.load_id = f"{self.started_at:%Y%m%dT%H%M%S%f}-{random_secrets.token_hex(4)}"
