"""Where requests go: the API's address, the URL of a page, and which redirects are safe to follow."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from unpod_sync.api.failures import Failure, FailureKind
from unpod_sync.api.transport import is_loopback
from unpod_sync.errors import ConfigurationError
from unpod_sync.model import API_ROOT, Resource

_HINT = "Set UNPOD_BASE_URL to an address like https://unpod.ai."
_PORTS = {"http": 80, "https": 443}


def check_base_url(text: str) -> str:
    """The API's address without a trailing slash; a path before `/api/v2/platform/` is allowed.

    Raises ConfigurationError for anything that could send the token in the clear or to nowhere:
    plain http to another machine, credentials in the address, a query, another scheme.
    """
    text = text.strip()
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        raise ConfigurationError("the base URL is not a valid address", _HINT) from None
    if url.username is not None or url.password is not None or "@" in url.netloc:
        raise ConfigurationError("the base URL must not hold a user name or password", _HINT)
    if url.scheme not in _PORTS or not host or re.search(r"[\s\\\x00-\x1f]", text):
        raise ConfigurationError("the base URL must begin with https:// and name a host", _HINT)
    if url.query or url.fragment or "?" in text or "#" in text:
        raise ConfigurationError("the base URL must not have a query or fragment", _HINT)
    if url.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(f"plain http to {host} would show the token to the network", _HINT)
    return urlunsplit((url.scheme, url.netloc, url.path.rstrip("/"), "", ""))


def page_url(base_url: str, resource: Resource, page: int, size: int) -> str:
    """The URL of one page. `page_size` always goes along: documented defaults disagree."""
    return f"{base_url}{API_ROOT}{resource.path}?page={page}&page_size={size}"


def redirect_target(url: str, location: str | None) -> str | Failure:
    """Where a redirect from `url` may be followed to with the token, else the refusal.

    Only the same scheme, host and port, or the same host from http to https. A target without
    a query keeps ours: losing `page` would turn every page into the first.
    """
    try:
        before, after = urlsplit(url), urlsplit(urljoin(url, (location or "").strip()))
        is_same = _origin(before) == _origin(after)
        is_upgrade = (before.scheme, after.scheme) == ("http", "https") and before.hostname == after.hostname
    except ValueError:
        return Failure(FailureKind.REDIRECT, "a redirect to an address that is not valid")
    if not location:
        return Failure(FailureKind.REDIRECT, "a redirect that names no address")
    if after.username is not None or after.password is not None or not (is_same or is_upgrade):
        return Failure(FailureKind.REDIRECT, f"a redirect to {_shown(after)} was refused")
    return urlunsplit((after.scheme, after.netloc, after.path, after.query or before.query, ""))


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or _PORTS.get(url.scheme)


def _shown(url: SplitResult) -> str:
    """Scheme and host only: the rest of a redirect may carry secrets."""
    host = re.sub(r"[^A-Za-z0-9.:_-]", "", url.hostname or "?")[:100]
    scheme = url.scheme if url.scheme in _PORTS else "another scheme"
    return f"{scheme}://{host}" if url.scheme in _PORTS else f"{scheme} ({host})"
