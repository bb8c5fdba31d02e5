"""A client's options by name, some of which stand in its configuration."""

from __future__ import annotations

import dataclasses
from typing import Any

from unpod_sync.api import ClientConfig
from unpod_sync.api.retry import RetryPolicy


def client_options(*, max_attempts: int | None = None, **options: Any) -> dict[str, Any]:
    """The keyword arguments of a client for these options."""
    names = {field.name for field in dataclasses.fields(ClientConfig)} & options.keys()
    chosen = {name: options.pop(name) for name in names}
    if max_attempts is not None:
        chosen["retry"] = RetryPolicy(max_attempts=max_attempts)
    return {**options, "config": ClientConfig(**chosen)}
