"""The secrets that payloads carry, recognisable so that a test can look for them in every byte written."""

from __future__ import annotations

from typing import Any, Final

USER_TOKEN: Final = "SENTINEL-SECRET-USER-TOKEN-7f3a"  # noqa: S105 — secret of nobody
INPUT_TOKEN: Final = "SENTINEL-SECRET-INPUT-TOKEN-19bc"  # noqa: S105 — secret of nobody
LOCATION_CITY: Final = "SENTINEL-SECRET-LOCATION-CITY-55d0"
LOCATION_IP: Final = "203.0.113.77"

SECRETS: Final = (USER_TOKEN, INPUT_TOKEN, LOCATION_CITY, LOCATION_IP)
"""Every secret value that a generated world's payloads hold."""


def user_info() -> dict[str, Any]:
    """The owner of a task, with the fields a client must not keep."""
    return {
        "id": "77",
        "email": "owner@example.com",
        "full_name": "Robin Sample",
        "user_token": USER_TOKEN,
        "location": {"ip": LOCATION_IP, "city": LOCATION_CITY},
    }
