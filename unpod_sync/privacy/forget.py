"""The use cases of the command `forget`: preview, erase, undo, list, and a new key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from unpod_sync.clock import utc_now
from unpod_sync.config import Settings, is_unset
from unpod_sync.errors import UsageError, WarehouseError
from unpod_sync.privacy import erase
from unpod_sync.privacy import keyfile as keys
from unpod_sync.privacy.identities import Identity, read_contact
from unpod_sync.privacy.ingest_filter import Forgotten
from unpod_sync.privacy.keyfile import KeyFile
from unpod_sync.privacy.policy import check_key, read_forgotten
from unpod_sync.transform.contact import zone_country
from unpod_sync.warehouse import open_storage
from unpod_sync.warehouse.database import Warehouse, first_row, registered_tables
from unpod_sync.warehouse.maintenance import open_current
from unpod_sync.warehouse.storage import Storage
from unpod_sync.warehouse.transactions import transaction

TASK_ID = re.compile(r"\w*[A-Za-z]\w{7,}")


@dataclass(frozen=True, slots=True)
class Preview:
    """What is stored of a contact. `related`: other tasks with a further number or address of theirs."""

    rows: dict[str, int]
    is_listed: bool
    related: int = 0
    related_example: str = ""
    quarantined: tuple[Path, ...] = ()

    @property
    def is_somebody(self) -> bool:
        """Whether the contact is stored, or forgotten already."""
        return self.is_listed or any(self.rows.values())

    @property
    def is_done(self) -> bool:
        """Whether the contact is forgotten already, and nothing is stored."""
        return self.is_listed and not any(self.rows.values())


Tell = Callable[[str], None]  # is told what opening the warehouse had to repair or to compute again


def _ignore(_: str) -> None:
    pass


def preview(settings: Settings, contact: str, tell: Tell = _ignore) -> Preview:
    """What `forget` would erase; changes nothing."""
    with _opened(settings, tell) as (storage, warehouse):
        keyfile = check_key(warehouse, storage) or keys.create(storage, on_disk=False)
        forgotten = _only(keyfile, _identities(warehouse, contact))
        return _describe(warehouse, forgotten, erase.find(warehouse.connection, forgotten))


def forget(settings: Settings, contact: str, tell: Tell = _ignore) -> Preview:
    """Erases the contact's rows and bytes everywhere; they stay forgotten."""
    now = utc_now()
    with _locked(settings) as storage:
        with closing(_open(settings, storage, tell)) as warehouse:
            keyfile = check_key(warehouse, storage)
            identities = _identities(warehouse, contact)
            keyfile = keyfile or keys.create(storage)
            forgotten = _only(keyfile, identities)
            matches = erase.find(warehouse.connection, forgotten)
            found = _describe(warehouse, forgotten, matches)
            if not found.is_somebody or (found.is_done and keyfile.erasing is None):
                return found
            is_alone = keyfile.erasing is None
            at = now.isoformat(timespec="seconds")
            keyfile = keyfile.began(now, {digest: (kind, at) for digest, kind in forgotten.contacts.items()})
            forgotten = read_forgotten(warehouse, keyfile)
            if not is_alone:  # an earlier erasure was interrupted: both are completed now
                matches = erase.find(warehouse.connection, forgotten)
            erase.erase_rows(warehouse, forgotten, matches, now)
        erase.erase_bytes(storage, keyfile, now)
        return replace(found, quarantined=tuple(storage.quarantined()))


def undo(settings: Settings, contact: str, tell: Tell = _ignore) -> bool:
    """Takes the contact off the list; False when it is not on it."""
    with _opened(settings, tell) as (storage, warehouse):
        keyfile = check_key(warehouse, storage)
        if keyfile is None:
            return False
        identity = read_contact(contact, _country(warehouse)) or ("task_id", contact)
        digest = Forgotten(keyfile).hash_of(identity)
        known = digest in keyfile.forgotten or digest in read_forgotten(warehouse, keyfile).contacts
        keyfile.without({digest})
        warehouse.connection.execute("delete from meta.forgotten where because = ?", [digest])
        return known


def reset_key(settings: Settings, tell: Tell = _ignore) -> None:
    """A new key and an empty list, for when the private file is lost."""
    with _opened(settings, tell) as (storage, warehouse):
        keys.create(storage)
        with transaction(warehouse.connection):
            warehouse.connection.execute(
                "delete from meta.forgotten;"
                " delete from meta.settings where name in ('privacy_key', 'privacy')"
            )


def listed(settings: Settings, tell: Tell = _ignore) -> list[tuple[str, datetime, int]]:
    """Every forgotten contact: its kind, since when, and how many of its tasks are refused."""
    with _opened(settings, tell) as (_, warehouse):
        return warehouse.connection.execute(
            "select c.kind, c.forgotten_at, count(t.hash) from meta.forgotten as c"
            " left join meta.forgotten as t on t.kind = 'task' and t.because = c.hash"
            " where c.kind <> 'task' group by c.hash, c.kind, c.forgotten_at order by 2, c.hash"
        ).fetchall()


@contextmanager
def _locked(settings: Settings) -> Iterator[Storage]:
    storage = open_storage(settings)
    if not storage.exists():
        raise WarehouseError(
            f"there is no {settings.database.absolute()} yet",
            "Run `unpod-sync sync` first, or name it with --database.",
        )
    with storage.lock(now=utc_now()), storage.errors():
        yield storage


@contextmanager
def _opened(settings: Settings, tell: Tell) -> Iterator[tuple[Storage, Warehouse]]:
    with _locked(settings) as storage, closing(_open(settings, storage, tell)) as warehouse:
        yield storage, warehouse


def _open(settings: Settings, storage: Storage, tell: Tell) -> Warehouse:
    keeps_zone = is_unset(settings, "timezone")
    warehouse = open_current(settings, storage, now=utc_now, keeps_zone=keeps_zone)
    for note in warehouse.notes:
        tell(note)
    return warehouse


def _country(warehouse: Warehouse) -> str:
    """Whose numbers lack a country code: the country of the file's time zone."""
    return zone_country(str(warehouse.setting("time_zone")))


def _identities(warehouse: Warehouse, contact: str) -> set[Identity]:
    """The identities that the user means: of a task those of its contact."""
    contact, country = contact.strip(), _country(warehouse)
    row = first_row(
        warehouse.connection,
        "select contact_number, contact_email from main.tasks where task_id = ?",
        [contact],
    )
    if row is not None:
        found = {read_contact(text, country) for text in row if text}
        return {identity for identity in found if identity is not None} or {("task_id", contact)}
    identity = read_contact(contact, country)
    if identity is None and not TASK_ID.fullmatch(contact):
        raise UsageError(
            "this is neither a phone number, nor an e-mail address, nor the task_id of a stored task",
            "Write a number with its country code: `unpod-sync forget +919876543210`",
        )
    return {identity or ("task_id", contact)}


def _only(keyfile: KeyFile, identities: set[Identity]) -> Forgotten:
    """A list that has these contacts alone."""
    forgotten = Forgotten(keyfile)
    forgotten.contacts = {forgotten.hash_of(identity): _kind(identity) for identity in identities}
    return forgotten


def _kind(identity: Identity) -> str:
    kind, text = identity
    return text.partition("-")[0] if kind == "pseudonym" else kind


def _describe(warehouse: Warehouse, forgotten: Forgotten, matches: erase.Matches) -> Preview:
    listed = forgotten.contacts.keys() & read_forgotten(warehouse, forgotten.keyfile).contacts.keys()
    chosen = pa.table({"id": pa.array(list(matches.tasks), pa.string())})
    with registered_tables(warehouse.connection, chosen=chosen):
        related = warehouse.connection.execute(
            "with theirs as (select * from main.tasks where task_id in (select id from chosen))"
            " select task_id from main.tasks where task_id not in (select id from chosen) and"
            " (contact_key in (select contact_key from theirs where contact_key is not null)"
            " or lower(contact_email) in"
            " (select lower(contact_email) from theirs where contact_email is not null))"
            " order by created_at desc"
        ).fetchall()
    return Preview(
        erase.count(warehouse.connection, matches),
        bool(listed),
        related=len(related),
        related_example=related[0][0] if related else "",
    )
