"""What can go wrong with one request, told apart, and the error each kind becomes for the user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from unpod_sync.errors import (
    AccessError,
    ApiError,
    CredentialsError,
    NoRouteError,
    RateLimitedError,
    ResponseError,
    UnavailableError,
)
from unpod_sync.model import Resource

SHOWN_CHARACTERS = 200


class FailureKind(StrEnum):
    """The kinds of failure of one attempt (`docs/api-behaviour.md`, section 6)."""

    CREDENTIALS = "credentials"
    ACCESS = "access"
    NO_ROUTE = "no_route"
    TOO_LARGE = "too_large"
    REQUEST = "request"
    REDIRECT = "redirect"
    RATE = "rate"
    SERVER = "server"
    PARTIAL = "partial"
    BROKEN = "broken"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    REFUSED = "refused"
    DNS = "dns"
    PROXY = "proxy"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt.

    `text` says what happened in our words, with at most a scrubbed piece of the server's message;
    `status` is the HTTP status (or the one inside the body), 0 where no answer came;
    `retry_after_seconds` is what the server asked for, None when it did not.
    """

    kind: FailureKind
    text: str
    status: int = 0
    retry_after_seconds: float | None = None


_ERRORS: dict[FailureKind, tuple[type[ApiError], str]] = {
    FailureKind.CREDENTIALS: (
        CredentialsError,
        "Check UNPOD_API_TOKEN: copy the key again from the Unpod settings, without the word 'Token'. "
        "A key belongs to one organisation: check UNPOD_ORG_HANDLE too.",
    ),
    FailureKind.ACCESS: (
        AccessError,
        "Check the space token or agent handle and UNPOD_ORG_HANDLE; the token needs an owner or editor.",
    ),
    FailureKind.TOO_LARGE: (
        ResponseError,
        "Pages are asked for in smaller pieces; a smaller page_size spares that.",
    ),
    FailureKind.NO_ROUTE: (NoRouteError, "Check UNPOD_BASE_URL; some servers do not have every list."),
    FailureKind.REQUEST: (
        ResponseError,
        "The API did not accept the request. Check UNPOD_ORG_HANDLE and UNPOD_BASE_URL.",
    ),
    FailureKind.REDIRECT: (
        ResponseError,
        "The token is not sent anywhere else. If the API has moved, set UNPOD_BASE_URL to its new address.",
    ),
    FailureKind.RATE: (RateLimitedError, "Run it again later, or set a lower per-minute budget."),
    FailureKind.SERVER: (
        UnavailableError,
        "The server has a problem of its own. The next sync goes on from here.",
    ),
    FailureKind.PARTIAL: (ResponseError, "The server could not build this page. The next sync tries again."),
    FailureKind.BROKEN: (
        ResponseError,
        "The answer is not what the API documents. Check that UNPOD_BASE_URL is the API's address.",
    ),
    FailureKind.TIMEOUT: (
        UnavailableError,
        "The server is slow or the network is. The next sync goes on from here.",
    ),
    FailureKind.CONNECTION: (UnavailableError, "The connection broke. The next sync goes on from here."),
    FailureKind.REFUSED: (UnavailableError, "Check UNPOD_BASE_URL, and that no firewall stands in between."),
    FailureKind.DNS: (UnavailableError, "Check the host name in UNPOD_BASE_URL and this machine's network."),
    FailureKind.PROXY: (UnavailableError, "Check HTTPS_PROXY and NO_PROXY in the environment."),
    FailureKind.TLS: (
        UnavailableError,
        "The server could not prove who it is, so the token was not sent. Check the machine's clock and "
        "UNPOD_BASE_URL; behind a company proxy set REQUESTS_CA_BUNDLE to its certificate file.",
    ),
}


_LOGIN_HINT = (
    "Some servers show listings to a login only: if the key is right, set UNPOD_SPACES to a space's token."
)


def error_for(trouble: Failure, resource: Resource, page: int, attempts: int, now: datetime) -> ApiError:
    """The error for the user; `attempts` says how often the page was tried."""
    error, hint = _ERRORS[trouble.kind]
    if trouble.kind is FailureKind.CREDENTIALS and resource.is_listing:
        hint = f"{hint} {_LOGIN_HINT}"
    tried = f" (tried {attempts} times)" if attempts > 1 else ""
    wait = trouble.retry_after_seconds
    if trouble.kind in (FailureKind.RATE, FailureKind.SERVER) and wait is not None:
        hint = f"The server asks to come back {_come_back(now, wait)}. {hint}"
    made = error(f"{resource.name}, page {page}: {trouble.text}{tried}", hint)
    made.status = trouble.status
    return made


def _come_back(now: datetime, wait: float) -> str:
    at = now.astimezone(UTC) + timedelta(seconds=min(wait, 31 * 86_400.0))
    return f"after {at:%Y-%m-%d %H:%M:%S} UTC (in {wait:.0f} seconds)"


# A value must hold a digit or be long, so that "token expired" stays readable.
_SECRET_WORD = r"(?=[^\s,;\"'<>]*\d|[^\s,;\"'<>]{20})[^\s,;\"'<>]{6,}"  # noqa: S105 - a pattern
_SCHEME = re.compile(rf"\b(token|bearer|jwt|basic|api[-_ ]?key)([\s:=\"']+){_SECRET_WORD}", re.IGNORECASE)
_HEADER = re.compile(r"(authorization[\"']?\s*[:=]\s*)[^\r\n,;}]+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
_CONTACT = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+|\+?\d(?:[\s().-]?\d){6,}")


class LogRedactor:
    """Takes secrets, contact data and control characters out of a server's text."""

    def __init__(self, *secrets: str) -> None:
        """`secrets` are replaced wherever they stand, longest first."""
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` on one line, without secrets, e-mail addresses and telephone numbers, cut short."""
        text = text[: SHOWN_CHARACTERS * 20]
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = _HEADER.sub(r"\1***", _CONTROL.sub(" ", text))
        text = _SCHEME.sub(r"\1\2***", text)
        text = " ".join(_CONTACT.sub("…", text).split())
        return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"

    def __repr__(self) -> str:
        """Never shows what it hides."""
        return "Scrubber(***)"
