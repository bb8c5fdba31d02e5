"""One sync, step by step: open, discover, extract and reconcile, load, publish, report."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import duckdb

from unpod_sync.api import RequestEvent
from unpod_sync.clock import Clock, utc_now
from unpod_sync.config import Settings
from unpod_sync.errors import (
    BudgetError,
    CredentialsError,
    UnavailableError,
    UnpodSyncError,
)
from unpod_sync.formatting import plural
from unpod_sync.model import Page
from unpod_sync.privacy.policy import complete_erasure, open_privacy
from unpod_sync.sync import load_log, state_file
from unpod_sync.sync.client_factory import open_client
from unpod_sync.sync.context import DEFAULT_OPTIONS, Context, Options
from unpod_sync.sync.discover import (
    are_postponed,
    in_turns,
    open_executions,
    open_listings,
    open_lists_of_spaces,
)
from unpod_sync.sync.extract import Extractor
from unpod_sync.sync.loader import BatchLoader
from unpod_sync.sync.progress import ListProgress
from unpod_sync.sync.reconcile import read_and_reconcile
from unpod_sync.sync.result import STATUS_NAMES, LoadResult, exit_status_of
from unpod_sync.sync.selection import drop_unread, known_spaces, unknown_names
from unpod_sync.warehouse import maintenance, open_storage
from unpod_sync.warehouse.database import Warehouse, first_row
from unpod_sync.warehouse.files import is_interrupt
from unpod_sync.warehouse.schema_drift import detect_drift
from unpod_sync.warehouse.summary import read_summary

__all__ = ["LoadResult", "Options", "sync"]


def sync(
    settings: Settings,
    options: Options = DEFAULT_OPTIONS,
    *,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    on_event: Callable[[RequestEvent], None] | None = None,
    on_page: Callable[[ListProgress, Page], None] | None = None,
) -> LoadResult:
    """Brings the warehouse up to the server and publishes it.

    `sleep` and `monotonic` serve pace and backoff, and belong together. Raises `LockedError` (75), `CredentialsError`
    (77), `ConfigurationError` (78) and other `UnpodSyncError`s. When only a part can be read, the result has
    exit status 3. `KeyboardInterrupt` leaves everything that was committed.
    """
    storage, clock = open_storage(settings), Clock(now)
    client = open_client(
        settings,
        now=now,
        sleep=sleep,
        monotonic=monotonic,
        on_event=on_event,
        on_time=clock.heard,
        storage=storage,
    )
    with client, storage.lock(now=now()):
        used_before = state_file.requests_used_today(storage.read_state(), now())
        context = Context(settings, options, storage, client, clock, now, on_page, used_before)
        return dry_run(context) if options.dry_run else run(context)


def run(context: Context) -> LoadResult:
    """One load, from opening to publishing."""
    with context.storage.errors():
        warehouse = open_warehouse(context)
        try:
            result = load(context, warehouse)
            revision = warehouse.revision()
        except BaseException as error:
            report_abort(context, warehouse, error)
            raise
        finally:
            warehouse.close()
        return publish_load(context, result, revision)


def dry_run(context: Context) -> LoadResult:
    """Reads first pages only, and works on a copy that is thrown away."""
    with context.storage.errors(), context.storage.scratch_copy() as storage, storage.errors():
        warehouse = Warehouse.open(storage, now=context.now())
        with closing(warehouse):
            context.privacy = open_privacy(warehouse, context.settings, storage, context.now(), is_dry=True)
            loader = _loader(context, warehouse)
            try:
                extractor = _extractor(context, warehouse, loader)
                read(context, extractor, only_plan=True)
            finally:
                loader.discard()
            time = extractor.longest_verification()
            context.notes.append(f"with syncs like this one, every task is verified within {spelled(time)}")
            return report(context, extractor, "dry run")


def spelled(time: timedelta) -> str:
    """A span of time in words, rounded up."""
    hours = time.total_seconds() / 3_600
    if hours <= 1:
        return plural(max(1, math.ceil(hours * 60)), "minute")
    return plural(math.ceil(hours), "hour") if hours <= 48 else plural(math.ceil(hours / 24), "day")


# -- open -------------------------------------------------------------------------------------


def open_warehouse(context: Context) -> Warehouse:
    """The work file, ready for a load that is noted in it."""
    now = context.now()

    def current() -> Warehouse:
        return maintenance.open_current(context.settings, context.storage, now=context.now)

    if complete_erasure(context.storage, current, now):
        context.notes.append("an erasure that had been interrupted is complete now")
        context.published = True
    warehouse = current()
    try:
        context.privacy = open_privacy(warehouse, context.settings, context.storage, now)
        context.notes += warehouse.notes + context.privacy.notes
        context.privacy.notes.clear()
        warehouse.close_dead_loads()
        load_log.note_start(warehouse.connection, context)
    except BaseException:
        warehouse.close()
        raise
    return warehouse


def _loader(context: Context, warehouse: Warehouse) -> BatchLoader:
    highest = first_row(
        warehouse.connection,
        "select greatest((select coalesce(max(batch_id), 0) from raw.payloads),"
        " (select coalesce(max(batch_id), 0) from main.task_versions))",
    )
    return BatchLoader(
        warehouse,
        load_id=context.load_id,
        first_batch_id=int(highest[0]) + 1 if highest else 1,
        zone=context.settings.zone,
        now=context.now,
        ingest_filter=context.privacy.ingest_filter,
    )


def _extractor(context: Context, warehouse: Warehouse, loader: BatchLoader) -> Extractor:
    def on_page(progress: ListProgress, page: Page) -> None:
        if context.settings.requests_per_day:
            state_file.note_requests(context)
        if context.on_page is not None:
            context.on_page(progress, page)

    return Extractor(
        context.client,
        loader,
        warehouse,
        context.settings,
        now=context.clock,
        full=context.options.full,
        accept_deletions=context.options.accept_deletions,
        secrets=(context.settings.token,),
        interval=load_log.sync_interval(warehouse.connection),
        on_page=on_page,
    )


# -- discover, extract and reconcile ----------------------------------------------------------


def read(context: Context, extractor: Extractor, *, only_plan: bool = False) -> None:
    """Finds the lists to read, and reads them; `only_plan` reads their first pages."""
    warehouse = extractor.warehouse
    before = known_spaces(warehouse.connection)
    listings = open_listings(context, extractor)
    lists: list[ListProgress] = []
    if are_postponed(context, listings):
        lists += listings
    else:
        extract(context, extractor, listings)
    if not only_plan:
        age_transcripts(context, warehouse)  # by now the server's time is known, and no task has come in yet
    lists += open_lists_of_spaces(context, extractor, listings[0], before)
    if context.options.configured in (None, context.settings.spaces):  # else chosen for this sync alone
        drop_unread(warehouse.connection, lists)
    for group in in_turns(context, extractor, lists):
        extract(context, extractor, group, only_plan=only_plan)
    if extractor.may_go_on(listings[0]):
        known = known_spaces(warehouse.connection)
        extractor.findings.failures += unknown_names(context.lists, known)
    read_agents = {progress.resource.agent_handle for progress in context.lists}
    executions = open_executions(context, extractor)  # by now the tasks are in, from which they follow
    rest = [progress for progress in executions if progress.resource.agent_handle not in read_agents]
    extract(context, extractor, rest, only_plan=only_plan)


def extract(
    context: Context, extractor: Extractor, lists: list[ListProgress], *, only_plan: bool = False
) -> None:
    """Reads these lists and reconciles them. Raises what ended the sync when nothing at all was read."""
    context.lists += lists
    if only_plan:
        extractor.plan(lists)
    else:
        read_and_reconcile(extractor, lists)
    halted = extractor.findings.halted
    of_spaces = [progress for progress in context.lists if progress.resource.space_token is not None]
    if isinstance(halted, CredentialsError) and not any(progress.covered for progress in of_spaces):
        raise halted
    if isinstance(halted, UnavailableError) and not any(progress.covered for progress in context.lists):
        raise type(halted)(f"the server cannot be reached: {halted.message}", halted.hint)


# -- load -------------------------------------------------------------------------------------


def load(context: Context, warehouse: Warehouse) -> LoadResult:
    """Reads all lists into the work file, and completes what depends on all of them."""
    loader = _loader(context, warehouse)
    extractor = _extractor(context, warehouse, loader)
    # Decoded JSON has no cycles, but every collection would walk all of it: 25% of the CPU.
    gc.disable()
    try:
        read(context, extractor)
        loader.flush()
    except KeyboardInterrupt:
        loader.flush()  # what was read is kept
        raise
    finally:
        gc.enable()
        loader.close()
    age_transcripts(context, warehouse)
    context.privacy.drop_stored(warehouse, context.now())
    context.notes += context.privacy.notes
    if any(loader.tally.changed.values()):
        context.notes += [notice.text for notice in detect_drift(warehouse, context.load_id, context.now())]
    context.notes += load_log.objects_listed_twice(warehouse.connection, context.load_id)
    result = report(context, extractor)
    load_log.note_result(warehouse.connection, result)
    context.summary = read_summary(warehouse.connection)
    return result


def age_transcripts(context: Context, warehouse: Warehouse) -> None:
    """Masks transcripts that have become too old, when both clocks agree on the time."""
    if not context.clock.doubt:
        context.privacy.age(warehouse, context.settings, context.clock())


# -- publish ----------------------------------------------------------------------------------


def publish_load(context: Context, result: LoadResult, revision: int) -> LoadResult:
    """Publishes when readers see another revision than the work file's, or an old one."""
    erase = context.privacy.must_rewrite
    context.published |= context.storage.publish(revision, now=context.now(), erase=erase)
    context.privacy.ended()
    result = replace(result, published=context.published, ended_at=context.now())
    state_file.note_end(context, result.status, "; ".join(result.failures))
    return result


# -- report -----------------------------------------------------------------------------------


def report(context: Context, extractor: Extractor, status: str = "") -> LoadResult:
    """How the load went, so far."""
    findings, tally = extractor.findings, extractor.loader.tally
    findings.failures += _masking_failure(context)
    verdict = exit_status_of(context.lists, findings)
    if isinstance(findings.halted, BudgetError):
        context.notes.append(findings.halted.message)
    return LoadResult(
        load_id=context.load_id,
        status=status or STATUS_NAMES[verdict.exit_status],
        exit_status=verdict.exit_status,
        started_at=context.started_at,
        ended_at=context.now(),
        requests=context.client.requests_made,
        requests_planned=findings.planned,
        tasks_read=tally.read["task"],
        tasks_changed=tally.changed["task"],
        tasks_deleted=findings.deleted.get("task", 0),
        rows_changed=sum(tally.changed.values()) + sum(findings.deleted.values()),
        published=False,
        notes=(*context.notes, *findings.notes, *verdict.notes),
        failures=verdict.failures,
        plans=findings.plans,
        rows_held=sum(progress.state.held_deletions for progress in context.lists),
    )


def _masking_failure(context: Context) -> list[str]:
    """Why no transcript was masked for its age, if any should have been."""
    is_due = context.settings.keep_transcripts_days and not context.options.dry_run
    if not (is_due and context.clock.doubt and any(progress.covered for progress in context.lists)):
        return []
    return [
        f"no transcript was masked for its age: {context.clock.doubt}; the next sync does it when both"
        " agree within a day. Set this machine's clock (timedatectl set-ntp true); when it is right,"
        " the server's has to be set"
    ]


def report_abort(context: Context, warehouse: Warehouse, error: BaseException) -> None:
    """Notes why the load ended early, in meta.loads (if the file can still be written) and the state file."""
    status = "interrupted" if is_interrupt(error) else "failed"
    text = error.message if isinstance(error, UnpodSyncError) else type(error).__name__
    if is_interrupt(error):
        text = "stopped by a signal"
    try:
        load_log.note_abort(warehouse.connection, context, status, text)
        context.summary = read_summary(warehouse.connection)
    except duckdb.Error:
        pass  # a full disk or a dead connection: the next sync marks the load as killed
    state_file.note_end(context, status, text)
