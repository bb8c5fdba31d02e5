"""Where a warehouse is kept: what a storage must be able to do.

`Warehouse` and all queries work on DuckDB's SQL; everything that depends on where the tables lie is behind `Storage`.
`DuckDBFile` is the one implementation. The comments here are the contract for another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Which optional SQL the storage takes. `schema` leaves out what is False."""

    column_compression: bool = True
    view_column_comments: bool = True


class Check(NamedTuple):
    """One line of `doctor` about the storage; `remedy` says what to do unless the level is ok."""

    level: Literal["ok", "warn", "fail"]
    name: str
    text: str
    remedy: str = ""


class Storage(Protocol):
    """A place for one warehouse, with one writer at a time and any number of readers.

    Creating a storage object touches nothing. Whatever changes the warehouse is called with the lock held.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Which optional SQL the connections take."""

    @property
    def name(self) -> str:
        """How users name it: what the setting `database` says."""

    @property
    def views_folder(self) -> Path | None:
        """The user's own view files, built after ours."""

    @property
    def private_file(self) -> Path:
        """Where the key of the hashes and the list of the forgotten lie. Never inside the warehouse."""

    # -- writing ------------------------------------------------------------------------------

    def lock(self, *, now: datetime) -> AbstractContextManager[None]:
        """The one lock of the warehouse; it ends with the process. `LockedError` names the holder."""

    def errors(self) -> AbstractContextManager[None]:
        """Turns errors of the storage (disk full, no memory, damage) into ours, each with a remedy."""

    def connect(self, notes: list[str], *, now: datetime) -> duckdb.DuckDBPyConnection:
        """The connection of the writer: the warehouse is attached as `warehouse`, and in use.

        A warehouse that does not exist is created, empty or with schema and views. `notes` gets what had to be
        repaired. Raises `LockedError`, `MigrationError` (made by a newer version) and `WarehouseError`.
        """

    def disconnect(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Closes a connection of `connect`. What was committed stays."""

    def restore(self, error: BaseException, notes: list[str]) -> bool:
        """When `error` comes from damage that the storage can repair: repairs it, notes it, and returns True."""

    def publish(self, revision: int | None = None, *, now: datetime, erase: bool = False) -> bool:
        """Lets readers see what was committed, and compacts where it pays; True when they see something new.

        Nothing happens when they see `revision` already, from a load of the last hours; None always publishes. `erase` removes the bytes of
        deleted rows first. No connection of `connect` is open. Readers never wait and never break.
        """

    def rebuild(self, *, now: datetime, zone: ZoneInfo) -> int:
        """Flattens every stored payload again, with the history kept; returns the number of objects.

        A kill at any moment leaves the warehouse as it was.
        """

    def erase_deleted_bytes(self, *, now: datetime) -> None:
        """Publishes so that no byte of a deleted row is left in anything that the storage manages."""

    def scratch_copy(self) -> AbstractContextManager[Storage]:
        """A copy to work in, for a dry run. It is gone afterwards."""

    def remove(self) -> None:
        """Deletes the warehouse and its state, but not the private file."""

    # -- reading ------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether anything is stored, published or not."""

    def is_published(self) -> bool:
        """Whether readers can open it."""

    def connect_reader(self, *, sandboxed: bool) -> duckdb.DuckDBPyConnection:
        """A read-only connection to what is published, with the warehouse in use and times in UTC.

        `sandboxed`: for foreign SQL, which reaches no file, no extension, no setting and no Python variable.
        Otherwise the warehouse is attached as `warehouse`.
        """

    def lock_holder(self) -> dict[str, Any] | None:
        """Who holds the lock (pid, host, since), None when it is free. Changes nothing."""

    def read_state(self) -> dict[str, Any]:
        """What the last `write_state` wrote, also while a sync runs. Empty when there is none."""

    def write_state(self, state: dict[str, Any], *, durable: bool = True) -> None:
        """Replaces the state as a whole; `durable` makes it survive a power cut."""

    def describe(self) -> dict[str, dict[str, Any] | None]:
        """The parts `published` and `work` for `status`: path, bytes, modified_at (UTC); None for a missing one."""

    def checks(self, *, now: datetime) -> Iterator[Check]:
        """What `doctor` says about the storage."""

    def quarantined(self) -> list[Path]:
        """Files that an earlier sync moved out of the way. Nothing manages them, and nothing erases them."""
