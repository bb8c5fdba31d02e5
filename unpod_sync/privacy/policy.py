"""What a sync does about privacy before it reads: take up the settings, and finish what was begun."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from unpod_sync.config import Settings
from unpod_sync.errors import ConfigurationError
from unpod_sync.privacy import keyfile as keys
from unpod_sync.privacy.backfill import hide_refused_rows, redact_versions, restate
from unpod_sync.privacy.erase import erase_bytes, erase_rows, find, write_contacts
from unpod_sync.privacy.ingest_filter import Forgotten, IngestFilter, cutoff_of
from unpod_sync.privacy.keyfile import KeyFile
from unpod_sync.privacy.redact import Rules
from unpod_sync.transform.contact import zone_country
from unpod_sync.warehouse import queries
from unpod_sync.warehouse.database import Warehouse
from unpod_sync.warehouse.storage import Storage
from unpod_sync.warehouse.transactions import transaction

SETTING = "privacy"
COMMENT = "The privacy settings that the stored tasks are under, as JSON text."
LOOSENED = (
    "privacy settings were loosened ({}): what they erased comes back as tasks are read again,"
    " all at once with `unpod-sync sync --full`"
)


@dataclass(slots=True)
class Privacy:
    """The guard at the door, and what is left to do when the sync ends."""

    guard: IngestFilter
    keyfile: KeyFile | None
    notes: list[str]

    @property
    def must_rewrite(self) -> bool:
        """Whether bytes of erased things may still lie in the files."""
        return self.keyfile is not None and self.keyfile.erasing is not None

    def age(self, warehouse: Warehouse, settings: Settings, now: datetime) -> None:
        """Masks stored transcripts that are too old, and from now on those that come in.

        `now` is a time that our clock and the server's agree on: what is masked is lost.
        """
        stored = _stored(warehouse)
        before = datetime.fromisoformat(stored["cutoff"]) if stored["cutoff"] else None
        cutoff = cutoff_of(settings.keep_transcripts_days, now)
        if before and cutoff and stored["days"] == settings.keep_transcripts_days:
            cutoff = max(cutoff, before)  # a clock set back brings nothing back
        if cutoff is None or (cutoff, settings.keep_transcripts_days) == (before, stored["days"]):
            return
        self.guard.cutoff = cutoff
        if before is None or cutoff > before:
            self.restate(warehouse, settings, now, since=before, until=cutoff)
        else:
            self.notes.append(LOOSENED.format("transcripts"))
        changed = {"days": settings.keep_transcripts_days, "cutoff": cutoff.isoformat()}
        warehouse.set_setting(SETTING, json.dumps(stored | changed), COMMENT)

    def restate(
        self,
        warehouse: Warehouse,
        settings: Settings,
        now: datetime,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        rules: Rules | None = None,
    ) -> None:
        """Brings the tasks created in this time under the settings; by `rules`, the history too."""
        if not queries.has_tasks(warehouse.connection):
            return
        assert self.keyfile is not None
        is_due = self.must_rewrite
        self.keyfile = self.guard.forgotten.keyfile = self.keyfile.began(now)
        hidden = hide_refused_rows(warehouse.connection)
        restated = restate(warehouse, self.guard, settings.zone, since=since, until=until)
        if rules is not None:
            redact_versions(warehouse.connection, rules)
        if restated:
            self.notes.append(f"{restated} stored tasks were brought under the privacy settings")
        elif rules is None and not hidden and not is_due:
            self.ended()  # no byte was replaced, neither in tasks nor in the history

    def drop_stored(self, warehouse: Warehouse, now: datetime) -> None:
        """Erases stored tasks that turned out, in this sync, to be a forgotten contact's."""
        forgotten = self.guard.forgotten
        if forgotten.keyfile is None or not self.guard.met:
            return
        ids = [id_ for (id_,) in warehouse.connection.execute(
            "select task_id from main.tasks where task_id in (select unnest(?))", [sorted(self.guard.met)]
        ).fetchall()]  # fmt: skip
        if ids:
            self.keyfile = forgotten.keyfile = forgotten.keyfile.began(now)
            erase_rows(warehouse, forgotten, find(warehouse.connection, forgotten), now)
            self.notes.append(f"{len(ids)} stored tasks of forgotten contacts were erased")

    def ended(self) -> None:
        """The files are written anew and published: nothing is left to be erased."""
        if self.keyfile is not None:
            self.keyfile = self.guard.forgotten.keyfile = self.keyfile.ended()


def open_privacy(
    warehouse: Warehouse, settings: Settings, storage: Storage, now: datetime, *, is_dry: bool = False
) -> Privacy:
    """The guard by the settings in force; stored tasks are brought under them first.

    Transcripts are masked up to the age reached earlier: `Privacy.age` goes on when the time is sure.
    Raises `ConfigurationError` when the key of the stored hashes is lost: going on without it
    would bring forgotten contacts back.
    """
    notes: list[str] = []
    stored = _stored(warehouse)
    keyfile = _key(warehouse, settings, storage, stored, is_dry=is_dry)
    forgotten = read_forgotten(warehouse, keyfile)
    rules = rules_of(settings, keyfile)
    is_ageing = settings.keep_transcripts_days is not None and stored["cutoff"] is not None
    guard = IngestFilter(forgotten, rules, datetime.fromisoformat(stored["cutoff"]) if is_ageing else None)
    privacy = Privacy(guard, keyfile, notes)
    if not is_dry:
        _take_up(warehouse, privacy, settings, stored, now)
    return privacy


def read_forgotten(warehouse: Warehouse, keyfile: KeyFile | None) -> Forgotten:
    """The list of the forgotten, of the database and of the private file together."""
    rows = warehouse.connection.execute("select hash, kind, because from meta.forgotten").fetchall()
    contacts = {digest: kind for digest, kind, _ in rows if kind != "task"}
    tasks = {digest: because for digest, kind, because in rows if kind == "task"}
    if keyfile is not None:
        contacts |= {digest: kind for digest, (kind, _) in keyfile.forgotten.items()}
    return Forgotten(keyfile, contacts, tasks)


def rules_of(settings: Settings, keyfile: KeyFile | None) -> Rules:
    """The redaction of the settings; what is both dropped and hashed is dropped."""
    drop = frozenset(settings.redact_drop)
    hashed = frozenset(settings.redact_hash) - drop
    country = zone_country(settings.timezone)
    return Rules(drop, hashed, keyfile.pseudonym if keyfile else lambda kind, value: f"[{kind}]", country)


def complete_erasure(settings: Settings, storage: Storage, opened: Any, now: datetime) -> bool:
    """Ends an erasure that an earlier process began; `opened` opens the work file. True when it did."""
    if not storage.private_file.exists():
        return False
    keyfile = keys.read(storage)
    if keyfile is None or keyfile.erasing is None or not storage.exists():
        return False
    warehouse: Warehouse = opened()
    try:
        forgotten = read_forgotten(warehouse, keyfile)
        if forgotten.contacts or forgotten.tasks:
            erase_rows(warehouse, forgotten, find(warehouse.connection, forgotten), now)
    finally:
        warehouse.close()
    erase_bytes(storage, keyfile, now)
    return True


def _key(
    warehouse: Warehouse, settings: Settings, storage: Storage, stored: dict[str, Any], *, is_dry: bool
) -> KeyFile | None:
    keyfile = check_key(warehouse, storage)
    wanted = bool(settings.redact_hash or settings.redact_drop or settings.keep_transcripts_days)
    if keyfile is None and wanted:
        keyfile = keys.create(storage, on_disk=not is_dry)
    is_marked = warehouse.setting("privacy_key") is not None
    if keyfile is not None and not is_marked and not is_dry and (settings.redact_hash or keyfile.forgotten):
        with transaction(warehouse.connection):
            write_contacts(warehouse.connection, keyfile)
    return keyfile


def check_key(warehouse: Warehouse, storage: Storage) -> KeyFile | None:
    """The private file, None when there is none; ConfigurationError when it is lost or another one."""
    keyfile = keys.read(storage)
    check = warehouse.setting("privacy_key")
    if check is not None and (keyfile is None or keyfile.check != check):
        raise ConfigurationError(
            f"{storage.private_file} is missing or another one: it holds the key of the stored hashes",
            "Put the file back from a backup. Without it forgotten contacts would return and hashed values "
            "change; to accept both: `unpod-sync forget --new-key`",
        )
    return keyfile


def _stored(warehouse: Warehouse) -> dict[str, Any]:
    text = warehouse.setting(SETTING)
    value: dict[str, Any] = (
        json.loads(text) if text else {"drop": [], "hash": [], "days": None, "cutoff": None}
    )
    return value


def _take_up(
    warehouse: Warehouse, privacy: Privacy, settings: Settings, stored: dict[str, Any], now: datetime
) -> None:
    """Brings what is stored under the settings, when they have changed; ages come later."""
    rules, cutoff = privacy.guard.rules, privacy.guard.cutoff
    wanted = {
        "drop": sorted(rules.drop),
        "hash": sorted(rules.hash),
        "days": stored["days"] if cutoff else None,
        "cutoff": stored["cutoff"] if cutoff else None,
    }
    if wanted == stored:
        return
    before, after = _levels(stored), _levels(wanted)
    looser = [name for name in after if after[name] < before[name]]
    if stored["cutoff"] and not cutoff:
        looser = list(dict.fromkeys([*looser, "transcripts"]))
    if any(after[name] > before[name] for name in after):
        privacy.restate(warehouse, settings, now, rules=rules)
    if looser:
        privacy.notes.append(LOOSENED.format(", ".join(looser)))
    warehouse.set_setting(SETTING, json.dumps(wanted), COMMENT)


def _levels(settings: dict[str, Any]) -> dict[str, int]:
    fields = ("number", "email", "name", "transcript", "recording")
    return {name: 2 if name in settings["drop"] else 1 if name in settings["hash"] else 0 for name in fields}
