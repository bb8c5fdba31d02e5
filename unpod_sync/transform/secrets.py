"""Secrets inside payloads: found fast, dropped before anything is stored (promise 7).

Nearly every task carries `user_info.user_token`, `user_info.location` and `input.token`: these are dropped
without looking further. Everything else is found by one regular expression over all rows of a page, run by
Arrow's RE2 outside the interpreter lock; only when it hits one, over each row, and only such a row is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
import pyarrow as pa

from unpod_sync.model import LEAST_TOKEN
from unpod_sync.transform.compute import match_regex
from unpod_sync.transform.json_codec import Fields, encode_text, fields_of
from unpod_sync.transform.json_tree import DROP, Path, rewrite
from unpod_sync.transform.parse import to_snake_case

REDACTED = "[redacted]"

# A key is secret when its snake_case form is one of these or ends in one of them after an underscore.
SECRET_NAMES = (
    "token", "secret", "password", "passwd", "passphrase", "pwd", "api_key", "apikey", "secret_key",
    "private_key",
    "access_key", "signing_key", "authorization", "credential", "credentials", "jwt", "cookie",
)  # fmt: skip
# Secret fields of the objects in which real tasks carry some.
KNOWN_SECRETS = {"user_info": {"user_token", "token", "location"}, "input": {"token"}}
# Tokens that address something and open nothing: the API's own names and paging.
PUBLIC_NAMES = frozenset({"space_token", "public_token", "page_token", "next_token", "next_page_token"})

_SUFFIX = re.compile(rf"(?:.*_)?(?:{'|'.join(SECRET_NAMES)})")
_NAMED = r'(?:token|secret|passw(?:or)?d|passphrase|pwd|(?:api|secret|private|access|signing)[ _-]?key' \
    r'|authorization|credentials?|jwt|cookie%s)\\*"\s*:'  # fmt: skip
_WRITTEN = _NAMED % ""
# ASCII that is written as an escape could hide a name: such a row is written anew.
_ESCAPED = r"\\u00[2-7]|\\/"
BETWEEN = b"\0"  # stands in no JSON text
_BROKEN = re.compile(rf'(?i)({_NAMED % "|location"}\s*)(\\*"(?:[^"\\]|\\[^"])*\\*"|[^\s,}}\]]+)')


class Redaction:
    """Drops secret keys, and replaces the given secrets in every text value. Keys are never changed."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        """`values`: secrets known by value, above all the API token; those under 16 characters are ignored."""
        long = {value for value in values if len(value) >= LEAST_TOKEN}
        self.values = tuple(sorted(long, key=len, reverse=True))
        written = {form for value in self.values for form in _written_forms(value)}
        self._pattern = "(?i)(?:" + "|".join([_WRITTEN, _ESCAPED, *map(re.escape, sorted(written))]) + ")"

    def suspects(self, payloads: list[bytes], objects: list[Fields]) -> list[int]:
        """Indices of the payloads that may still hold a secret; `objects` are their fields."""
        found = {
            index
            for index, (payload, fields) in enumerate(zip(payloads, objects, strict=True))
            if payload.count(b"user_info") > _is_object(fields.get("user_info"))  # each may hold a location
        }
        if self._hits([BETWEEN.join(payloads)])[0]:
            found.update(index for index, is_hit in enumerate(self._hits(payloads)) if is_hit)
        return sorted(found)

    def _hits(self, texts: list[bytes]) -> list[bool]:
        return match_regex(pa.array(texts, pa.binary()), self._pattern)

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


def drop_known_secrets(fields: Fields) -> Fields:
    """The object without the secrets that real tasks always carry; the same one when it has none."""
    for name, secret in KNOWN_SECRETS.items():
        inner = fields_of(fields[name]) if _is_object(fields.get(name)) else None
        if inner and not secret.isdisjoint(map(str.lower, inner)):
            kept = {key: value for key, value in inner.items() if key.lower() not in secret}
            fields = {**fields, name: msgspec.Raw(msgspec.json.encode(kept))}
    return fields


def _is_object(text: msgspec.Raw | None) -> bool:
    return text is not None and memoryview(text)[:1].tobytes() == b"{"


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
