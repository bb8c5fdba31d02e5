"""The private file beside the warehouse: the key of all hashes, and who is forgotten.

All numbers of ten digits can be hashed in turn by anyone who has the key. So the key is in no
database file, and this file (mode 0600) must never be passed on with one. It also repeats the list
of the forgotten, so that it survives the loss of every database file, and notes an erasure that
has begun and is not complete.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from unpod_sync.errors import WarehouseError
from unpod_sync.warehouse.files import write_atomically
from unpod_sync.warehouse.storage import Storage

KEY_BYTES = 32
PSEUDONYM_BYTES = 12
HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What the private file holds. `forgotten`: hash → (kind, when); `erasing`: since when, or None."""

    path: Path
    key: bytes = field(repr=False)
    forgotten: dict[str, tuple[str, str]]
    erasing: str | None = None

    def pseudonym(self, kind: str, value: str) -> str:
        """The replacement of a normalised number, address or name; equal values have equal ones."""
        return f"{kind}-{self._digest(f'{kind}:{value}', 'pseudonym', PSEUDONYM_BYTES)}"

    def hash_of(self, pseudonym: str) -> str:
        """How the list of the forgotten spells a pseudonym, or `task:` and a task's id."""
        return self._digest(pseudonym, "forgotten", HASH_BYTES)

    @property
    def check(self) -> str:
        """A hash of the key, by which a database recognises the key of its hashes."""
        return self._digest("check", "check", 8)

    def _digest(self, text: str, purpose: str, size: int) -> str:
        hashed = hashlib.blake2b(text.encode(), key=self.key, person=purpose.encode(), digest_size=size)
        return hashed.hexdigest()

    def began(self, now: datetime, forgotten: dict[str, tuple[str, str]] | None = None) -> KeyFile:
        """Notes, on disk, that bytes are to be erased, and who is forgotten from now on."""
        return self._saved(
            replace(
                self,
                forgotten=(forgotten or {})
                | self.forgotten,  # a contact keeps the time it was first forgotten
                erasing=self.erasing or now.isoformat(timespec="seconds"),
            )
        )

    def ended(self) -> KeyFile:
        """Notes that nothing is left to be erased."""
        return self if self.erasing is None else self._saved(replace(self, erasing=None))

    def without(self, hashes: set[str]) -> KeyFile:
        """Takes contacts off the list."""
        return self._saved(
            replace(self, forgotten={key: v for key, v in self.forgotten.items() if key not in hashes})
        )

    def _saved(self, changed: KeyFile) -> KeyFile:
        value = {
            "about": "Private: the key of unpod-sync's hashes. Back it up, never publish it.",
            "key": changed.key.hex(),
            "erasing": changed.erasing,
            "forgotten": [[digest, kind, at] for digest, (kind, at) in changed.forgotten.items()],
        }
        write_atomically(self.path, json.dumps(value, indent=1).encode(), mode=0o600)
        return changed


def read(storage: Storage) -> KeyFile | None:
    """The private file, None when there is none; WarehouseError when it cannot be understood."""
    path = storage.private_file
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        key = bytes.fromhex(value["key"])
        forgotten = {digest: (kind, at) for digest, kind, at in value["forgotten"]}
        erasing = value["erasing"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise WarehouseError(
            f"{path} cannot be read: it holds the key of the hashes",
            "Put it back from a backup, or start anew with `unpod-sync forget --new-key`.",
        ) from None
    return KeyFile(path, key, forgotten, erasing)


def create(storage: Storage, *, on_disk: bool = True) -> KeyFile:
    """A new key; WarehouseError or an OSError of the file system when it cannot be written."""
    fresh = KeyFile(storage.private_file, secrets.token_bytes(KEY_BYTES), {})
    return fresh._saved(fresh) if on_disk else fresh
