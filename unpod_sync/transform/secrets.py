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
from unpod_sync.transform.json_codec import embedded, encode_text
from unpod_sync.transform.parse import to_snake_case

REDACTED = "[redacted]"

# A key is secret when its folded form is one of these or ends in one of them after an underscore.
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
        if isinstance(value, dict):
            return self._clean_object(value, keep_token)
        if isinstance(value, list):
            kept = []
            for inner in value:
                kept.append(self.clean(inner))
            return kept
        return self._clean_text(value) if isinstance(value, str) else value

    def _clean_object(self, value: dict[str, Any], keep_token: bool) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, inner in value.items():
            if is_secret_name(key) and not (keep_token and key == "token"):
                continue
            if key == "user_info":
                inner = _without_location(inner)
            kept[key] = self.clean(inner)
        return kept

    def _clean_text(self, text: str) -> str:
        inner = embedded(text)
        if inner is not None:
            clean = self.clean(inner)
            return text if clean == inner else encode_text(clean)
        if '"' in text and ":" in text:  # JSON that was cut or broken is still searched for secrets
            text = _BROKEN.sub(_redact_broken, text)
        return self._without_values(text)

    def _without_values(self, text: str) -> str:
        for value in self.values:
            if value in text:
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


def _without_location(user: Any) -> Any:
    if isinstance(user, str):
        inner = embedded(user)
        return (
            encode_text(_without_location(inner)) if isinstance(inner, dict) and "location" in inner else user
        )
    if isinstance(user, dict):
        return {key: value for key, value in user.items() if key.lower() != "location"}
    return user


def _redact_broken(found: re.Match[str]) -> str:
    # A location is personal only in user_info, which a broken text does not tell: better too much.
    return f'{found[1]}"{REDACTED}"'


def _written_forms(value: str) -> tuple[str, str]:
    """A value as it stands in JSON, and in JSON text inside JSON."""
    once = encode_text(value)[1:-1]
    return once, encode_text(once)[1:-1]
