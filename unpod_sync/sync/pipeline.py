"""One sync: lock, open, read every list, write, publish, and say honestly how it went."""

from __future__ import annotations

import gc
import secrets as random_secrets
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import duckdb

from unpod_sync import __version__
from unpod_sync.api import Client, ClientConfig, RequestBudget, RequestEvent, RetryPolicy
from unpod_sync.clock import Clock, utc_now
from unpod_sync.config import Settings
from unpod_sync.errors import (
    AccessError,
    BudgetError,
    CredentialsError,
    UnavailableError,
    UnpodSyncError,
    WarehouseError,
)
from unpod_sync.model import (
    AGENTS,
    SPACES,
    Page,
    agent_executions,
    space_runs,
    space_tasks,
)
from unpod_sync.privacy.policy import Privacy, complete_erasure, open_privacy
from unpod_sync.sync.extract import AMPLE, Extractor
from unpod_sync.sync.loader import TWICE_LISTED, BatchLoader
from unpod_sync.sync.progress import ListProgress
from unpod_sync.sync.reconcile import read_whole
from unpod_sync.sync.result import STATUS_NAMES, LoadResult, exit_status_of
from unpod_sync.sync.selection import (
    Choice,
    KnownSpace,
    known_agents,
    known_spaces,
    listed_spaces,
    named_agents,
    named_spaces,
    note_unlisted,
)
from unpod_sync.transform.memory import keep_memory
from unpod_sync.warehouse import maintenance, publish
from unpod_sync.warehouse.database import (
    Warehouse,
    first_row,
    is_corruption,
    repair,
    with_enough_memory,
)
from unpod_sync.warehouse.merge import EARLIEST
from unpod_sync.warehouse.schema import comment_tables, create_views
from unpod_sync.warehouse.schema_drift import detect_drift
from unpod_sync.warehouse.summary import read_summary


@dataclass(frozen=True, slots=True)
class Options:
    """What one call of `sync` asks for beyond the settings.

    `configured`: the spaces of the configuration where `Settings.spaces` are others, chosen for this sync alone.
    """

    full: bool = False
    dry_run: bool = False
    accept_deletions: bool = False
    configured: tuple[str, ...] | None = None

    @property
    def command(self) -> str:
        """The command line that asks for this, as `meta.loads` keeps it."""
        flags = (("--full", self.full), ("--accept-deletions", self.accept_deletions))
        return " ".join(["sync", *(flag for flag, is_set in flags if is_set)])


def sync(
    settings: Settings,
    options: Options = Options(),
    *,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    on_event: Callable[[RequestEvent], None] | None = None,
    on_page: Callable[[ListProgress, Page], None] | None = None,
) -> LoadResult:
    """Brings the warehouse up to the server and publishes it.

    `sleep` and `monotonic` serve pace and backoff, and belong together.
    Raises `LockedError` (75), `CredentialsError` (77), `ConfigurationError` (78) and other
    `UnpodSyncError`s; what can be read although something else cannot gives a result with exit
    status 3. `KeyboardInterrupt` leaves everything that was committed.
    """
    files = publish.Files(settings.database)
    clock = Clock(now)
    client = open_client(
        settings,
        now=now,
        sleep=sleep,
        monotonic=monotonic,
        on_event=on_event,
        on_time=clock.heard,
        files=files,
    )
    with client, publish.sync_lock(files, now=now()):
        used_before = _used_today(publish.read_state(files), now())
        notes: list[str] = []
        is_repaired = False

        def load(memory_limit: str) -> LoadResult:
            limited = replace(settings, memory_limit=memory_limit)
            one = _Load(limited, options, files, client, clock, now, on_page, used_before)
            one.notes += notes
            return one.run()

        while True:
            try:
                return with_enough_memory(settings.memory_limit, load, notes.append)
            except duckdb.Error as error:
                if options.dry_run or not is_corruption(error):
                    raise
                if is_repaired:
                    break
            # Damage that opening did not meet: once more, from the published file.
            is_repaired = True
            with publish.disk_errors(files.published):
                repair(files, notes)
    raise WarehouseError(
        f"{files.published} is damaged, and so is the work file that was made from it",
        "Put a copy of the published file from a backup in its place, or move both away: "
        "then everything the API still has is loaded again.",
    )


def open_client(
    settings: Settings,
    *,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    on_event: Callable[[RequestEvent], None] | None = None,
    on_time: Callable[[datetime | None], None] | None = None,
    files: publish.Files | None = None,
) -> Client:
    """A client by these settings; the day's budget counts what earlier syncs of today used."""
    state = publish.read_state(files) if files is not None else {}
    seen = state.get("requests_per_minute_seen")
    return Client(
        settings.base_url,
        settings.token,
        settings.org_handle,
        ClientConfig(
            timeout=(10, settings.timeout_seconds),
            deadline_seconds=settings.deadline_seconds,
            workers=settings.workers,
            retry=RetryPolicy(max_attempts=settings.max_attempts),
            budget=RequestBudget(
                max_requests=settings.max_requests,
                per_minute=settings.requests_per_minute,
                per_day=settings.requests_per_day,
                used_today=_used_today(state, now()),
            ),
            requests_per_minute_seen=seen if isinstance(seen, int) and seen > 0 else None,
        ),
        sleep=sleep,
        monotonic=monotonic,
        now=lambda: now().replace(tzinfo=UTC),
        on_event=on_event,
        on_time=on_time,
    )


def _used_today(state: dict[str, Any], now: datetime) -> int:
    used = state.get("requests_today", {})
    return int(used.get("requests", 0)) if used.get("day") == now.date().isoformat() else 0


class _Load:
    """One load under way."""

    def __init__(
        self,
        settings: Settings,
        options: Options,
        files: publish.Files,
        client: Client,
        clock: Clock,
        now: Callable[[], datetime],
        on_page: Callable[[ListProgress, Page], None] | None,
        used_before: int,
    ) -> None:
        """`clock` hears the server's time; `used_before`: requests that earlier syncs of this day made."""
        self.settings, self.options, self.files, self.client = settings, options, files, client
        self.now, self.clock = now, clock
        self.started_at = now()
        self.used_before = used_before
        self.load_id = f"{self.started_at:%Y%m%dT%H%M%S%f}-{random_secrets.token_hex(4)}"
        self.on_page = on_page
        self.readings: list[ListProgress] = []
        self.notes: list[str] = []
        self.published = False
        self.standing: dict[str, Any] = {}
        self.privacy: Privacy

    def run(self) -> LoadResult:
        """The whole load, from opening to publishing."""
        if self.options.dry_run:
            return self._dry_run()
        with publish.disk_errors(self.files.published):
            warehouse = self._open()
            try:
                result = self._load(warehouse)
                revision = warehouse.revision()
            except BaseException as error:
                self._note_end(warehouse, error)
                raise
            finally:
                warehouse.close()
            return self._publish(result, revision)

    def _open(self) -> Warehouse:
        now = self.now()
        if complete_erasure(self.settings, self.files, self._current, now):
            self.notes.append("an erasure that had been interrupted is complete now")
            self.published = True
        warehouse = self._current()
        try:
            self.privacy = open_privacy(warehouse, self.settings, self.files, now)
            self.notes += warehouse.notes + self.privacy.notes
            self.privacy.notes.clear()
            warehouse.close_dead_loads()
            warehouse.connection.execute(
                "insert into meta.loads (load_id, started_at, status, command, version) values (?, ?, 'running', ?, ?)",
                [self.load_id, self.started_at, self.options.command, __version__],
            )
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    def _current(self) -> Warehouse:
        return maintenance.open_current(self.settings, self.files, now=self.now, views_later=True)

    def _dry_run(self) -> LoadResult:
        """Reads first pages only, and works on a copy that is thrown away."""
        with publish.disk_errors(self.files.published), publish.scratch_copy(self.files) as files:
            warehouse = Warehouse.open(files, now=self.now(), memory_limit=self.settings.memory_limit)
            with closing(warehouse):
                self.privacy = open_privacy(warehouse, self.settings, self.files, self.now(), is_dry=True)
                loader = self._loader(warehouse)
                try:
                    reader = self._reader(warehouse, loader)
                    self._read(warehouse, reader, only_plan=True)
                finally:
                    loader.abandon()
                return self._result(reader, loader, "dry run")

    def _load(self, warehouse: Warehouse) -> LoadResult:
        loader = self._loader(warehouse)
        reader = self._reader(warehouse, loader)
        # Decoded JSON has no cycles, but every collection would walk all of it: a fourth of the CPU.
        gc.disable()
        keep_memory()
        try:
            self._read(warehouse, reader)
            loader.drain()
        except KeyboardInterrupt:
            loader.drain()  # what has come is kept
            raise
        finally:
            gc.enable()
            loader.close()
        self._age(warehouse)
        self.privacy.drop_stored(warehouse, self.now())
        self.notes += self.privacy.notes
        if any(loader.tally.changed.values()):
            self.notes += [notice.text for notice in detect_drift(warehouse, self.load_id, self.now())]
        self._note_twice_listed(warehouse)
        result = self._result(reader, loader)
        self._record(warehouse, result)
        return result

    def _age(self, warehouse: Warehouse) -> None:
        """Masks what has become too old, when both clocks agree on the time."""
        if not self.clock.doubt:
            self.privacy.age(warehouse, self.settings, self.clock())

    def _note_twice_listed(self, warehouse: Warehouse) -> None:
        """Says which objects two spaces list with different content, each once."""
        rows = warehouse.connection.execute(
            "select kind, split_part(id, '/', 2), split_part(id, '/', 1), value_text from meta.rejects"
            " where load_id = ? and reason = ? order by all limit 5",
            [self.load_id, TWICE_LISTED],
        ).fetchall()
        self.notes += [
            f"{kind} {id_} is listed in the spaces {other} and {kept} with different content; that of {kept} is kept"
            for kind, id_, other, kept in rows
        ]

    def _loader(self, warehouse: Warehouse) -> BatchLoader:
        highest = first_row(
            warehouse.connection,
            "select greatest((select coalesce(max(batch_id), 0) from raw.payloads),"
            " (select coalesce(max(batch_id), 0) from main.task_versions))",
        )
        return BatchLoader(
            warehouse,
            load_id=self.load_id,
            first_batch_id=int(highest[0]) + 1 if highest else 1,
            zone=self.settings.zone,
            now=self.now,
            guard=self.privacy.guard,
        )

    def _reader(self, warehouse: Warehouse, loader: BatchLoader) -> Extractor:
        def heard(reading: ListProgress, page: Page) -> None:
            if self.settings.requests_per_day:
                # Now and not at the end: a sync that is killed has used its requests, too.
                state = publish.read_state(self.files) | {"requests_today": self._requests_today()}
                publish.write_state(self.files, state, durable=False)
            if self.on_page is not None:
                self.on_page(reading, page)

        return Extractor(
            self.client,
            loader,
            warehouse,
            self.settings.policy,
            now=self.clock,
            full=self.options.full,
            accept_deletions=self.options.accept_deletions,
            secrets=(self.settings.token,),
            on_page=heard,
        )

    # -- reading ------------------------------------------------------------------------------

    def _read(self, warehouse: Warehouse, reader: Extractor, *, only_plan: bool = False) -> None:
        before = known_spaces(warehouse.connection)
        listings = reader.open([SPACES], optional=bool(self.settings.spaces)) + reader.open(
            [AGENTS], optional=True
        )
        left = self.client.requests_left
        lists: list[ListProgress] = []
        if left is not None and left < AMPLE and listings[0].state.count is not None:
            lists += listings  # they take their turn, too, or a budget of two were spent on them each time
        else:
            self._read_lists(reader, listings)
        if not only_plan:
            self._age(warehouse)  # by now the server has told its time, and no task has come in yet
        if warehouse.lacks_views:
            reader.loader.beside(comment_tables)  # while the first pages are on their way
            reader.loader.meanwhile(create_views)  # while the last are written
        for space in self._spaces(warehouse, reader, listings[0], before):
            resources = [space_tasks(space.id), space_runs(space.id)]
            lists += reader.open(resources, optional=space.optional, listed=space.listed)
        lists += self._executions(warehouse, reader)
        for group in self._groups(lists):
            self._read_lists(reader, group, only_plan=only_plan)
        named = {reading.resource.agent_handle for reading in lists}
        late = [r for r in self._executions(warehouse, reader) if r.resource.agent_handle not in named]
        if late and not only_plan and reader.findings.halted is None:
            self._read_lists(reader, late)

    def _groups(self, lists: list[ListProgress]) -> list[list[ListProgress]]:
        """All lists at once, or one after the other while a budget is scarce.

        A budget spent on the first pages of all lists would be spent on the same ones every time. What
        has rows never read comes first, then what has not been tried for longest.
        """
        left = self.client.requests_left
        if left is None or left >= AMPLE * len(lists):
            return [lists]

        def turn(reading: ListProgress) -> tuple[bool, datetime]:
            state = reading.state
            return state.count is not None and not state.gaps, state.tried_at or EARLIEST

        return [[reading] for reading in sorted(lists, key=turn)]

    def _read_lists(
        self, reader: Extractor, readings: list[ListProgress], *, only_plan: bool = False
    ) -> None:
        self.readings += readings
        if only_plan:
            reader.plan(readings)
        else:
            read_whole(reader, readings)
        halted = reader.findings.halted
        of_spaces = [r for r in self.readings if r.resource.space_token is not None]
        if isinstance(halted, CredentialsError) and not any(r.covered for r in of_spaces):
            raise halted
        if isinstance(halted, UnavailableError) and not any(r.covered for r in self.readings):
            raise type(halted)(f"the server cannot be reached: {halted.message}", halted.hint)

    def _spaces(
        self, warehouse: Warehouse, reader: Extractor, listing: ListProgress, before: list[KnownSpace]
    ) -> list[Choice]:
        """The spaces to read: those named, else those listed. `before`: what was known before the listing was read."""
        connection, has_listing = warehouse.connection, reader.may_go_on(listing)
        known = known_spaces(connection)
        if self.settings.spaces:
            configured = self.settings.spaces if self.options.configured is None else self.options.configured
            return named_spaces(self.settings.spaces, known, configured=configured, has_listing=has_listing)
        if has_listing and not any(space.is_listed for space in known):
            reader.again(listing, [1])  # everything hangs on this one answer
            known = known_spaces(connection)
        reader.findings.failures += note_unlisted(connection, before, known)
        spaces = listed_spaces(known)
        if not spaces:
            raise listing.error or AccessError(
                "the API lists no space for this token and organisation",
                "Check UNPOD_ORG_HANDLE and the token's rights, or set UNPOD_SPACES to the token of a space.",
            )
        return spaces

    def _executions(self, warehouse: Warehouse, reader: Extractor) -> list[ListProgress]:
        """The executions lists of the agents named, else of those known by now."""
        wanted = self.settings.agents
        agents = named_agents(wanted) if wanted else known_agents(warehouse.connection)
        return [
            reading
            for agent in agents
            for reading in reader.open(
                [agent_executions(agent.id)], optional=agent.optional, listed=agent.listed
            )
        ]

    # -- the end ------------------------------------------------------------------------------

    def _result(self, reader: Extractor, loader: BatchLoader, status: str = "") -> LoadResult:
        is_held_back = self.settings.keep_transcripts_days and self.clock.doubt and not self.options.dry_run
        if is_held_back and any(reading.covered for reading in self.readings):
            reader.findings.failures.append(
                f"no transcript was masked for its age: {self.clock.doubt}; the next sync does it when both"
                " agree within a day. Set this machine's clock (timedatectl set-ntp true); when it is right,"
                " the server's has to be set"
            )
        verdict = exit_status_of(self.readings, reader.findings)
        if isinstance(reader.findings.halted, BudgetError):
            self.notes.append(reader.findings.halted.message)
        return LoadResult(
            load_id=self.load_id,
            status=status or STATUS_NAMES[verdict.exit_status],
            exit_status=verdict.exit_status,
            started_at=self.started_at,
            ended_at=self.now(),
            requests=self.client.requests_made,
            requests_planned=reader.findings.planned,
            tasks_read=loader.tally.read["task"],
            tasks_changed=loader.tally.changed["task"],
            tasks_deleted=reader.findings.deleted.get("task", 0),
            rows_changed=sum(loader.tally.changed.values()) + sum(reader.findings.deleted.values()),
            published=False,
            notes=(*self.notes, *reader.findings.notes, *verdict.notes),
            failures=verdict.failures,
            plans=reader.findings.plans,
            rows_held=sum(reading.state.held for reading in self.readings),
        )

    def _record(self, warehouse: Warehouse, result: LoadResult) -> None:
        warehouse.connection.execute(
            "update meta.loads set ended_at = ?, status = ?, requests = ?, requests_planned = ?, tasks_read = ?,"
            " tasks_changed = ?, tasks_deleted = ?, error = ? where load_id = ?",
            [
                result.ended_at,
                result.status,
                result.requests,
                result.requests_planned,
                result.tasks_read,
                result.tasks_changed,
                result.tasks_deleted,
                "; ".join(result.failures) or None,
                self.load_id,
            ],
        )
        self.standing = read_summary(warehouse.connection)

    def _note_end(self, warehouse: Warehouse, error: BaseException) -> None:
        """Says in meta.loads why the load ended early, when the file still lets us."""
        status = "interrupted" if publish.is_interrupt(error) else "failed"
        text = error.message if isinstance(error, UnpodSyncError) else type(error).__name__
        if publish.is_interrupt(error):
            text = "stopped by a signal"
        try:
            warehouse.connection.execute(
                "update meta.loads set ended_at = ?, status = ?, requests = ?, error = ? where load_id = ?",
                [self.now(), status, self.client.requests_made, text, self.load_id],
            )
            self.standing = read_summary(warehouse.connection)
        except duckdb.Error:
            pass  # a full disk or a dead connection: the next sync marks the load as killed
        self._write_state(status, text)

    def _publish(self, result: LoadResult, revision: int) -> LoadResult:
        """Publishes when the published file is another revision than the work file's."""
        published = publish.revision_of(self.files.published)
        is_news = published != revision
        if self.privacy.must_rewrite or (
            is_news and maintenance.reclaimable_ratio(self.files.work) > maintenance.RECLAIMABLE_RATIO
        ):
            maintenance.compact(
                self.files,
                now=self.now(),
                views_folder=self.settings.views_folder,
                memory_limit=self.settings.memory_limit,
            )
            is_news = True
        publish.refuse_stray_wal(self.files)
        if is_news:
            mode = int(self.settings.published_mode, 8)
            publish.publish(self.files, mode=mode, is_ours=published is not None)
            self.published = True
        self.privacy.ended()
        result = replace(result, published=self.published, ended_at=self.now())
        self._write_state(result.status, "; ".join(result.failures))
        return result

    def _write_state(self, status: str, error: str) -> None:
        """What `status` tells while a later sync holds the work file."""
        earlier = publish.read_state(self.files)
        now = self.now()
        spaces = dict(earlier.get("lists", {}))
        for reading in self.readings:
            if reading.plan is not None and reading.error is None and not reading.is_cut:
                spaces[reading.resource.name] = now.isoformat(timespec="seconds")
        publish.write_state(
            self.files,
            {
                "load_id": self.load_id,
                "status": status,
                "error": error,
                "started_at": self.started_at.isoformat(timespec="seconds"),
                "ended_at": now.isoformat(timespec="seconds"),
                "last_done_at": now.isoformat(timespec="seconds")
                if status == "done"
                else earlier.get("last_done_at"),
                "requests_today": self._requests_today(),
                "requests_per_minute_seen": self.client.requests_per_minute_seen,
                "lists": spaces,
                "standing": self.standing or earlier.get("standing"),
            },
        )

    def _requests_today(self) -> dict[str, Any]:
        day = self.now().date()
        before = self.used_before if day == self.started_at.date() else 0
        return {"day": day.isoformat(), "requests": before + self.client.requests_made}
