"""The whole examination, in the order in which a newcomer meets the parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from unpod_sync.config import load_with_origins
from unpod_sync.errors import ConfigurationError
from unpod_sync.operations import doctor_config, doctor_files
from unpod_sync.operations.finding import Finding, failed
from unpod_sync.warehouse import open_storage


def run_checks(flags: Mapping[str, Any], now: datetime, *, offline: bool = False) -> Iterator[Finding]:
    """Findings as they are made; `now` is naive UTC. `offline` leaves the API out."""
    yield from doctor_config.file_findings()
    try:
        settings, origins = load_with_origins(flags)
    except ConfigurationError as error:
        yield failed("settings", error)
        return
    yield from doctor_config.setting_findings(settings, origins, offline=offline)
    if not offline:
        from unpod_sync.operations import doctor_api

        yield from doctor_api.findings(settings, now)
    yield from doctor_files.findings(open_storage(settings), now)
