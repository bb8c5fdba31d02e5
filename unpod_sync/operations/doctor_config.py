"""Where the settings come from, and whether others can read the token."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping

from unpod_sync.config import FILE_NAME, Settings, find_file
from unpod_sync.errors import ConfigurationError
from unpod_sync.operations.finding import Finding, fail, failed, ok, warn

SECRETS = ("api_token", "ping_url", "alert_urls")


def file_findings() -> Iterator[Finding]:
    """The configuration file: which one, and who may read it."""
    path = find_file()
    if path is None:
        yield ok("file", f"no {FILE_NAME}; settings come from flags and the environment")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        yield warn("file", f"{path} can be read by other accounts (mode {mode:04o})", f"chmod 600 {path}")
    else:
        yield ok("file", f"{path} (mode {mode:04o})")


def setting_findings(settings: Settings, origins: Mapping[str, str], *, offline: bool) -> Iterator[Finding]:
    """Each setting of weight: its value and where it was read; secrets only by their origin."""
    try:
        _ = settings.token
        yield ok("token", f"from {origins.get('api_token', 'nowhere')} (not shown)")
    except ConfigurationError as error:
        yield failed("token", error)
    handle = settings.org_handle
    if handle:
        yield ok("organisation", f"{handle}, from {origins['org_handle']}")
    elif offline:  # else the API tells which organisations there are
        yield warn(
            "organisation",
            "no organisation handle is set; some lists are refused without one",
            "Set UNPOD_ORG_HANDLE, or run `unpod-sync init`, which lists yours.",
        )
    yield ok("database", f"{settings.database}, {_origin('database', origins)}")
    yield from _ping(settings)
    others = [
        f"{name} = {_shown(settings, name)} ({_origin(name, origins)})"
        for name in origins
        if name not in (*SECRETS, "org_handle", "database")
    ]
    if others:
        yield ok("settings", "; ".join(others))


def _ping(settings: Settings) -> Iterator[Finding]:
    if settings.ping_url is None:
        return
    from unpod_sync.operations.ping import check_ping_url

    try:
        check_ping_url(settings.ping_url.get_secret_value())
    except ConfigurationError as error:
        yield fail("ping", error.message, error.hint)
    else:
        yield ok("ping", "a ping URL is set (not shown)")


def _origin(name: str, origins: Mapping[str, str]) -> str:
    return f"from {origins[name]}" if name in origins else "by default"


def _shown(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    return ", ".join(value) if isinstance(value, tuple) else str(value)
