"""The API client that the settings describe."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from unpod_sync.api import Client, ClientConfig, RequestBudget, RequestEvent, RetryPolicy
from unpod_sync.clock import utc_now
from unpod_sync.config import Settings
from unpod_sync.sync.state_file import requests_used_today
from unpod_sync.warehouse.storage import Storage


def open_client(
    settings: Settings,
    *,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    on_event: Callable[[RequestEvent], None] | None = None,
    on_time: Callable[[datetime | None], None] | None = None,
    storage: Storage | None = None,
) -> Client:
    """A client with these settings; the day's budget includes what earlier syncs of today used."""
    state = storage.read_state() if storage is not None else {}
    seen = state.get("requests_per_minute_seen")
    return Client(
        settings.base_url,
        settings.token,
        settings.org_handle,
        ClientConfig(
            timeout=(10, settings.timeout_seconds),
            deadline_seconds=settings.deadline_seconds,
            workers=settings.workers,
            retry=RetryPolicy(max_attempts=settings.max_attempts),
            budget=RequestBudget(
                max_requests=settings.max_requests,
                per_minute=settings.requests_per_minute,
                per_day=settings.requests_per_day,
                used_today=requests_used_today(state, now()),
            ),
            requests_per_minute_seen=seen if isinstance(seen, int) and seen > 0 else None,
        ),
        sleep=sleep,
        monotonic=monotonic,
        now=lambda: now().replace(tzinfo=UTC),
        on_event=on_event,
        on_time=on_time,
    )
