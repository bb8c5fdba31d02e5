"""Privacy in a sync: stored tasks follow changed settings, and an interrupted erasure is completed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from unpod_sync.config import Settings
from unpod_sync.errors import ConfigurationError
from unpod_sync.privacy import keyfile as keys
from unpod_sync.privacy.backfill import backfill_tasks, hide_refused_rows, redact_versions
from unpod_sync.privacy.erase import erase_bytes, erase_rows, find, write_contacts
from unpod_sync.privacy.ingest_filter import Forgotten, IngestFilter
from unpod_sync.privacy.keyfile import KeyFile
from unpod_sync.privacy.redact import Rules
from unpod_sync.privacy.settings import Backfill, PrivacySettings, plan_backfill
from unpod_sync.transform.contact import zone_country
from unpod_sync.warehouse import queries
from unpod_sync.warehouse.database import Warehouse, first_row
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
    """The filter of what comes in, and what is left to do when the sync ends."""

    ingest_filter: IngestFilter
    notes: list[str] = field(default_factory=list)

    @property
    def must_rewrite(self) -> bool:
        """Whether bytes of erased rows can still be in the files."""
        keyfile = self.ingest_filter.forgotten.keyfile
        return keyfile is not None and keyfile.erasing is not None

    def age(self, warehouse: Warehouse, settings: Settings, now: datetime) -> None:
        """Masks stored transcripts that are too old, and from now on those that come in.

        `now` is a time that our clock and the server's agree on: what is masked is lost.
        """
        stored = _stored(warehouse)
        aged = stored.aged(settings.keep_transcripts_days, now)
        if aged.cutoff is not None:
            self.ingest_filter.cutoff = aged.cutoff
            self.adopt(warehouse, settings, stored, aged, now)

    def adopt(
        self,
        warehouse: Warehouse,
        settings: Settings,
        old: PrivacySettings,
        new: PrivacySettings,
        now: datetime,
    ) -> None:
        """Brings the stored tasks from the old privacy settings under the new ones."""
        if new == old:
            return
        plan = plan_backfill(old, new)
        if plan is not None and queries.has_tasks(warehouse.connection):
            self._backfill(warehouse, settings, plan, now)
        if looser := old.stricter_than(new):
            self.notes.append(LOOSENED.format(", ".join(looser)))
        warehouse.set_setting(SETTING, new.to_json(), COMMENT)

    def _backfill(self, warehouse: Warehouse, settings: Settings, plan: Backfill, now: datetime) -> None:
        was_due = self.must_rewrite
        self._begin_erasing(now)
        hidden = hide_refused_rows(warehouse.connection)
        changed = backfill_tasks(warehouse, self.ingest_filter, settings.zone, plan)
        if plan.with_history:
            redact_versions(warehouse.connection, self.ingest_filter.rules)
        if changed:
            self.notes.append(f"{changed} stored tasks were brought under the privacy settings")
        elif not (plan.with_history or hidden or was_due):
            self.ended()  # no byte was replaced, neither in tasks nor in the history

    def drop_stored(self, warehouse: Warehouse, now: datetime) -> None:
        """Erases stored tasks that turned out, in this sync, to be a forgotten contact's."""
        refused_ids = sorted(self.ingest_filter.refused_ids)
        row = first_row(
            warehouse.connection,
            "select count(*) from main.tasks where task_id in (select unnest(?::varchar[]))",
            [refused_ids],
        )
        if row is not None and row[0]:
            self._begin_erasing(now)
            forgotten = self.ingest_filter.forgotten
            erase_rows(warehouse, forgotten, find(warehouse.connection, forgotten), now)
            self.notes.append(f"{row[0]} stored tasks of forgotten contacts were erased")

    def _begin_erasing(self, now: datetime) -> None:
        forgotten = self.ingest_filter.forgotten
        assert forgotten.keyfile is not None
        forgotten.keyfile = forgotten.keyfile.began(now)

    def ended(self) -> None:
        """The files are compacted and published: nothing is left to be erased."""
        forgotten = self.ingest_filter.forgotten
        if forgotten.keyfile is not None:
            forgotten.keyfile = forgotten.keyfile.ended()


def open_privacy(
    warehouse: Warehouse, settings: Settings, storage: Storage, now: datetime, *, is_dry: bool = False
) -> Privacy:
    """The filter by the settings in force; stored tasks are brought under them first.

    Transcripts are masked up to the age reached earlier: `Privacy.age` goes on when the time is certain.
    Raises `ConfigurationError` when the key of the stored hashes is lost: going on without it
    would bring forgotten contacts back.
    """
    stored = _stored(warehouse)
    configured = stored.configured(settings)
    keyfile = _key(warehouse, settings, storage, is_dry=is_dry)
    rules = Rules(
        configured.drop,
        configured.hash,
        keyfile.pseudonym if keyfile else lambda kind, value: f"[{kind}]",
        zone_country(settings.timezone),
    )
    privacy = Privacy(IngestFilter(read_forgotten(warehouse, keyfile), rules, configured.cutoff))
    if not is_dry:
        privacy.adopt(warehouse, settings, stored, configured, now)
    return privacy


def read_forgotten(warehouse: Warehouse, keyfile: KeyFile | None) -> Forgotten:
    """The list of the forgotten, of the database and of the private file together."""
    rows = warehouse.connection.execute("select hash, kind, because from meta.forgotten").fetchall()
    contacts = {digest: kind for digest, kind, _ in rows if kind != "task"}
    tasks = {digest: contact_hash for digest, kind, contact_hash in rows if kind == "task"}
    if keyfile is not None:
        contacts |= {digest: kind for digest, (kind, _) in keyfile.forgotten.items()}
    return Forgotten(keyfile, contacts, tasks)


def complete_erasure(storage: Storage, open_work: Callable[[], Warehouse], now: datetime) -> bool:
    """Completes an erasure that an earlier process began; True when there was one."""
    if not storage.private_file.exists():
        return False
    keyfile = keys.read(storage)
    if keyfile is None or keyfile.erasing is None or not storage.exists():
        return False
    with closing(open_work()) as warehouse:
        forgotten = read_forgotten(warehouse, keyfile)
        if forgotten.contacts or forgotten.tasks:
            erase_rows(warehouse, forgotten, find(warehouse.connection, forgotten), now)
    erase_bytes(storage, keyfile, now)
    return True


def _key(warehouse: Warehouse, settings: Settings, storage: Storage, *, is_dry: bool) -> KeyFile | None:
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


def _stored(warehouse: Warehouse) -> PrivacySettings:
    return PrivacySettings.from_json(warehouse.setting(SETTING))
