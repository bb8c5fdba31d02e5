"""Telling a monitor how a sync went: a request to the user's ping URL, healthchecks style.

`<url>/start` at the beginning, `<url>` after success, `<url>/fail` after a failure. The URL is a
secret (whoever knows it can silence the monitor): it is never shown. A ping never disturbs a sync.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from unpod_sync.config import Secret
from unpod_sync.errors import ConfigurationError

TIMEOUT_SECONDS = 5.0
_HINT = "Set ping_url to the https:// address that your monitor shows, or remove it."


def check_ping_url(url: str) -> str:
    """The URL itself; `ConfigurationError`, without the URL, when it may not be called."""
    from unpod_sync.api.transport import is_loopback

    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError("the ping URL is not a valid address", _HINT) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError("the ping URL must begin with https:// and name a host", _HINT)
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError("plain http would show the ping URL to the network", _HINT)
    return url.strip()


def ping(url: Secret | None, event: str) -> str:
    """Sends `start`, `success` or `fail`; gives what went wrong in words, empty when nothing did."""
    if url is None:
        return ""
    import requests

    try:
        parts = urlsplit(check_ping_url(url.get_secret_value()))
    except ConfigurationError as error:
        return error.message
    path = parts.path.rstrip("/") + ("" if event == "success" else f"/{event}")
    target = urlunsplit((parts.scheme, parts.netloc, path or "/", parts.query, ""))
    try:
        # Redirects are not followed: they could lead to plain http.
        answer = requests.get(target, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except (requests.RequestException, OSError, ValueError) as error:
        return f"the ping URL could not be called ({type(error).__name__})"
    return "" if answer.ok else f"the ping URL answers with status {answer.status_code}"
