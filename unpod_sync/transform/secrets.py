"""Secrets inside payloads: found fast, dropped before anything is stored (promise 7).

Nearly every task carries `user_info.user_token` and `input.token`: these two are dropped without
looking further. Everything else is found by one regular expression over the written JSON, run by
Arrow's RE2 outside the interpreter lock; only an object it hits is walked through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from unpod_sync.model import LEAST_TOKEN
from unpod_sync.transform.compute import match_regex
from unpod_sync.transform.json_codec import encode_text
from unpod_sync.transform.json_tree import DROP, Path, rewrite
from unpod_sync.transform.parse import to_snake_case

REDACTED = "[redacted]"

# A key is secret when its snake_case form is one of these or ends in one of them after an underscore.
SECRET_NAMES = (
    "token", "secret", "password", "passwd", "passphrase", "pwd", "api_key", "apikey", "secret_key",
    "private_key",
    "access_key", "signing_key", "authorization", "credential", "credentials", "jwt", "cookie",
)  # fmt: skip
# Tokens that address something and open nothing: the API's own names and paging.
PUBLIC_NAMES = frozenset({"space_token", "public_token", "page_token", "next_token", "next_page_token"})

_SUFFIX = re.compile(rf"(?:.*_)?(?:{'|'.join(SECRET_NAMES)})")
_WRITTEN = r'(?:token|secret|passw(?:or)?d|passphrase|pwd|(?:api|secret|private|access|signing)[ _-]?key' \
    r'|authorization|credentials?|jwt|cookie|location)\\*"\s*:'  # fmt: skip
_BROKEN = re.compile(rf'(?i)({_WRITTEN}\s*)(\\*"(?:[^"\\]|\\[^"])*\\*"|[^\s,}}\]]+)')


class Redaction:
    """Drops secret keys, and replaces the given secrets in every text value. Keys are never changed."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        """`values`: secrets known by value, above all the API token; those under 16 characters are ignored."""
        long = {value for value in values if len(value) >= LEAST_TOKEN}
        self.values = tuple(sorted(long, key=len, reverse=True))
        written = {form for value in self.values for form in _written_forms(value)}
        self._pattern = "(?i)(?:" + "|".join([_WRITTEN, *map(re.escape, sorted(written))]) + ")"

    def suspects(self, payloads: list[bytes]) -> list[bool]:
        """For each written object whether it may still hold a secret."""
        if not payloads:
            return []
        return match_regex(pa.array(payloads, pa.binary()), self._pattern)

    def clean(self, value: Any, *, keep_token: bool = False) -> Any:
        """A copy without secrets. `keep_token` spares the object's own `token`, a space's key."""

        def change(path: Path, inner: Any) -> Any:
            if path[-2:-1] == ("user_info",) and path[-1].lower() == "location":
                return DROP
            if path and is_secret_name(path[-1]) and not (keep_token and path == ("token",)):
                return DROP
            return self._clean_text(inner) if isinstance(inner, str) else inner

        return rewrite(value, change)

    def _clean_text(self, text: str) -> str:
        if '"' in text and ":" in text:  # JSON that was cut or broken is still searched for secrets
            text = _BROKEN.sub(_redact_broken, text)
        for value in self.values:
            text = text.replace(value, REDACTED)
        return text


def drop_known_secrets(row: dict[str, Any]) -> dict[str, Any]:
    """The object without the secrets that real tasks always carry; the same one when it has none."""
    user = row.get("user_info")
    if isinstance(user, dict) and ("user_token" in user or "location" in user or "token" in user):
        dropped = ("user_token", "token", "location")
        row = {**row, "user_info": {key: value for key, value in user.items() if key not in dropped}}
    contact = row.get("input")
    if isinstance(contact, dict) and "token" in contact:
        row = {**row, "input": {key: value for key, value in contact.items() if key != "token"}}
    return row


def is_secret_name(key: str) -> bool:
    """Whether a key names a credential: token, user_token, apiKey, X-API-Key, …"""
    name = to_snake_case(key)
    return bool(_SUFFIX.fullmatch(name)) and name not in PUBLIC_NAMES


def _redact_broken(found: re.Match[str]) -> str:
    # A location is personal only in user_info, but a broken text does not show where it is.
    return f'{found[1]}"{REDACTED}"'


def _written_forms(value: str) -> tuple[str, str]:
    """A value as it stands in JSON, and in JSON text inside JSON."""
    once = encode_text(value)[1:-1]
    return once, encode_text(once)[1:-1]
