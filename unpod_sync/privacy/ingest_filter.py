"""Every task that comes in passes here: forgotten contacts are refused, the others are redacted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from unpod_sync.model import SUPPRESSED_PREFIX, Record, Refusal, Reject
from unpod_sync.privacy.identities import Identity, identities, identities_in_text
from unpod_sync.privacy.redact import Rules, redact
from unpod_sync.transform.parse import ParseError, id_time, read_time
from unpod_sync.transform.records import with_value

if TYPE_CHECKING:
    from unpod_sync.privacy.keyfile import KeyFile

NOT_KEPT = "(not kept: privacy settings)"  # replaces the text of a refused row whose contact is unknown


@dataclass(slots=True)
class Forgotten:
    """Who is forgotten. `contacts`: hash → number, email or task_id; `tasks`: those of task ids."""

    keyfile: KeyFile | None = None
    contacts: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)  # hash → the contact's hash

    def contact_hash(self, task_id: str, value: Mapping[str, Any]) -> str | None:
        """The hash of the forgotten contact whose task this is, None for a task of other contacts."""
        if self.keyfile is None or not (self.contacts or self.tasks):
            return None
        if (listed := self.tasks.get(self.task_hash(task_id))) is not None:
            return listed
        return self.first_listed(identities(value) | {("task_id", task_id)})

    def first_listed(self, found: set[Identity]) -> str | None:
        """The hash of the first of these contacts that is forgotten, None when none is."""
        if self.keyfile is None:
            return None
        kinds = {"pseudonym", *self.contacts.values()}  # nothing else needs to be hashed
        hashes = (self.hash_of(identity) for identity in found if identity[0] in kinds)
        return next((digest for digest in hashes if digest in self.contacts), None)

    def is_named_in(self, *texts: str | None) -> bool:
        """Whether one of these texts has a number or address of a forgotten contact."""
        return any(text and self.first_listed(identities_in_text(text)) is not None for text in texts)

    def hash_of(self, identity: Identity) -> str:
        """The hash that stands for a contact in the list."""
        assert self.keyfile is not None
        kind, text = identity
        return self.keyfile.hash_of(text if kind == "pseudonym" else self.keyfile.pseudonym(kind, text))

    def task_hash(self, task_id: str) -> str:
        """The hash that stands for a task in the list."""
        assert self.keyfile is not None
        return self.keyfile.hash_of(f"task:{task_id}")


@dataclass(slots=True)
class IngestFilter:
    """Applies the privacy settings to records before anything is stored.

    `cutoff`: transcripts of tasks created before it are masked. `refused` collects, for the
    loader, the refused tasks that the list does not have yet; `refused_ids` the ids of all of them.
    """

    forgotten: Forgotten
    rules: Rules
    cutoff: datetime | None = None
    refused: list[Refusal] = field(default_factory=list)
    refused_ids: set[str] = field(default_factory=set)

    @property
    def is_idle(self) -> bool:
        """Whether every task passes as it is."""
        return not (self.forgotten.contacts or self.forgotten.tasks or self.rules.is_active or self.cutoff)

    def apply(self, record: Record) -> Record | None:
        """The record as it may be stored, None when it may not."""
        if record.kind != "task":
            return record
        contact_hash = self.forgotten.contact_hash(record.id, record.value)
        if contact_hash is not None:
            self._refuse(record, contact_hash)
            return None
        return self.redacted(record)

    def redacted(self, record: Record) -> Record:
        """The record by the settings; the same one when they leave it as it is."""
        without = self.cutoff is not None and is_older(record, self.cutoff)
        if not (without or self.rules.is_active):
            return record
        value = redact(record.value, self.rules, without_transcript=without)
        if value == record.value:
            return record
        return with_value(record, value)

    def suppressed_id(self, task_id: str) -> str:
        """What replaces a refused task's id in the accounting of its list."""
        return SUPPRESSED_PREFIX + self.forgotten.task_hash(task_id)

    def reject(self, reject: Reject) -> Reject:
        """A refused row's text is not kept when it may hold what the settings keep out."""
        if self.is_idle or reject.kind != "task" or reject.field or not reject.value_text:
            return reject
        return replace(reject, value_text=NOT_KEPT)

    def _refuse(self, record: Record, contact_hash: str) -> None:
        self.refused_ids.add(record.id)
        digest = self.forgotten.task_hash(record.id)
        if digest in self.forgotten.tasks:
            return
        self.forgotten.tasks[digest] = contact_hash
        run_id = record.value.get("run_id")
        run_id = run_id if isinstance(run_id, str) else None
        self.refused.append(Refusal(digest, contact_hash, record.space_token, run_id, created_at(record)))

    def take_refused(self) -> list[Refusal]:
        """The refusals since the last call."""
        taken, self.refused = self.refused, []
        return taken


def is_older(record: Record, cutoff: datetime) -> bool:
    """Whether a task was created before this; one without any time is not known to be."""
    moment = created_at(record)
    return moment is not None and moment < cutoff


def created_at(record: Record) -> datetime | None:
    """The creation as the column `created_at` has it: as sent, else from the id."""
    sent = (record.value.get(key) for key in ("created", "created_at"))
    moment = None
    with suppress(ParseError):
        moment = read_time(next((value for value in sent if value is not None and value != ""), None))
    return moment or id_time(record.id)
