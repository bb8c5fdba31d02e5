"""The kinds of failure of one request, and the error that each becomes for the user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

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


class Retry(Enum):
    """Whether a failed attempt is made again."""

    NEVER = "asking again cannot help, and for TLS could harm"
    FEW = "mostly a wrong setting, or a bad row for which smaller pages are the better try"
    ALWAYS = "until the attempts are used up"


class FailureKind(Enum):
    """The kinds of failure of one attempt (`docs/api-behaviour.md`, section 6): retry class, error and hint."""

    CREDENTIALS = (
        Retry.NEVER,
        CredentialsError,
        "Check UNPOD_API_TOKEN: copy the key again from the Unpod settings, without the word 'Token'. "
        "A key belongs to one organisation: check UNPOD_ORG_HANDLE too.",
    )
    ACCESS = (
        Retry.NEVER,
        AccessError,
        "Check the space token or agent handle and UNPOD_ORG_HANDLE; the token needs an owner or editor.",
    )
    NO_ROUTE = Retry.NEVER, NoRouteError, "Check UNPOD_BASE_URL; some servers do not have every list."
    TOO_LARGE = (
        Retry.NEVER,
        ResponseError,
        "Pages are asked for in smaller pieces; a smaller page_size avoids that.",
    )
    REQUEST = (
        Retry.NEVER,
        ResponseError,
        "The API did not accept the request. Check UNPOD_ORG_HANDLE and UNPOD_BASE_URL.",
    )
    REDIRECT = (
        Retry.NEVER,
        ResponseError,
        "The token is not sent anywhere else. If the API has moved, set UNPOD_BASE_URL to its new address.",
    )
    RATE = Retry.ALWAYS, RateLimitedError, "Run it again later, or set a lower per-minute budget."
    SERVER = (
        Retry.ALWAYS,
        UnavailableError,
        "The server has a problem of its own. The next sync goes on from here.",
    )
    PARTIAL = Retry.FEW, ResponseError, "The server could not build this page. The next sync tries again."
    BROKEN = (
        Retry.ALWAYS,
        ResponseError,
        "The answer is not what the API documents. Check that UNPOD_BASE_URL is the API's address.",
    )
    TIMEOUT = (
        Retry.ALWAYS,
        UnavailableError,
        "The server is slow or the network is. The next sync goes on from here.",
    )
    CONNECTION = Retry.ALWAYS, UnavailableError, "The connection broke. The next sync goes on from here."
    REFUSED = Retry.FEW, UnavailableError, "Check UNPOD_BASE_URL, and that no firewall stands in between."
    DNS = Retry.FEW, UnavailableError, "Check the host name in UNPOD_BASE_URL and this machine's network."
    PROXY = Retry.FEW, UnavailableError, "Check HTTPS_PROXY and NO_PROXY in the environment."
    TLS = (
        Retry.NEVER,
        UnavailableError,
        "The server could not prove who it is, so the token was not sent. Check the machine's clock and "
        "UNPOD_BASE_URL; behind a company proxy set REQUESTS_CA_BUNDLE to its certificate file.",
    )

    def __init__(self, retry: Retry, error: type[ApiError], hint: str) -> None:
        """The row of the table."""
        self.retry, self.error, self.hint = retry, error, hint


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt.

    `text` is what happened in our words, with at most a redacted piece of the server's message;
    `status` is the HTTP status (or the one inside the body), 0 where no answer came;
    `retry_after_seconds` is what the server asked for, None when it did not.
    """

    kind: FailureKind
    text: str
    status: int = 0
    retry_after_seconds: float | None = None


_LOGIN_HINT = (
    "Some servers show listings to a login only: if the key is right, set UNPOD_SPACES to a space's token."
)


def error_for(failure: Failure, resource: Resource, page: int, attempts: int, now: datetime) -> ApiError:
    """The error for the user; `attempts` is how often the page was tried."""
    hint = failure.kind.hint
    if failure.kind is FailureKind.CREDENTIALS and resource.is_listing:
        hint = f"{hint} {_LOGIN_HINT}"
    tried = f" (tried {attempts} times)" if attempts > 1 else ""
    wait = failure.retry_after_seconds
    if failure.kind in (FailureKind.RATE, FailureKind.SERVER) and wait is not None:
        hint = f"The server asks to come back {_come_back(now, wait)}. {hint}"
    made = failure.kind.error(f"{resource.name}, page {page}: {failure.text}{tried}", hint)
    made.status = failure.status
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
    """Removes secrets, contact data and control characters from a server's text."""

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
        return "LogRedactor(***)"
