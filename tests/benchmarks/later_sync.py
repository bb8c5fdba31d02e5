"""Later syncs: one task in a hundred new or silently changed; changes of any age and deletions; nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb

from tests.benchmarks import harness, peers
from tests.benchmarks.harness import Figure, Options, Run, Server

SIZE = 50_000
DAYS = 60
BEHIND_HOURS = 8.0  # the world's clock lags behind, so that it can be moved on without reaching the future


def run(options: Options) -> list[Figure]:
    """unpod-sync and dlt on the same server, one after the other at each step."""
    size = options.sized(SIZE)
    folder = options.folder / "later_sync"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ready = [entry for entry in peers.chosen(options) if entry[0].name == "dlt"]
    with harness.serving(size, latency_ms=options.latency_ms, days=DAYS, behind_hours=BEHIND_HOURS) as server:
        bench = _Bench(options, server, folder, ready[0] if ready else None)
        figures = bench.run(size)
    shutil.rmtree(folder)
    return figures


class _Bench:
    def __init__(
        self, options: Options, server: Server, folder: Path, dlt: tuple[peers.Peer, Path, str] | None
    ) -> None:
        self.options, self.server, self.folder, self.dlt = options, server, folder, dlt
        self.database = folder / "unpod.duckdb"

    def run(self, size: int) -> list[Figure]:
        self._ours()
        if self.dlt:
            self._theirs("")
        # The day's warm reading and the first sweep are behind a warehouse that has run for a while.
        self._ours()
        figures = self._idle()
        figures += self._hot(size)
        figures += self._full(size)
        return figures

    def _idle(self) -> list[Figure]:
        """Nothing new: what a sync costs, and whether it asks for more than it planned."""
        runs, published, beyond = [], False, 0
        for _ in range(self.options.repeats):
            done, said, requests = self._ours(UNPOD_SWEEP_PAGES="1")
            published = published or bool(said["published"])
            beyond = max(beyond, requests - sum(map(_planned, said["plans"].values())))
            runs.append(done)
        cpu = harness.median([done.cpu_seconds for done in runs])
        wall = harness.median([done.seconds for done in runs])
        state = "published!" if published else "not published"
        detail = (
            f"{wall:.2f} s from start to end, {requests} requests, {max(0, beyond)} beyond the plan, {state}"
        )
        target = "under 1 s beyond its requests, publishes nothing, never more requests than planned"
        # Reading once past a full last page is not counted against it.
        met = not published and cpu < 1 and beyond <= 1
        return [_figure("nothing new, CPU", cpu, detail, target, met)]

    def _hot(self, size: int) -> list[Figure]:
        """Half a per cent new, half a per cent silently changed, all young enough to be hot."""
        added = self.server.ask("advance", hours=DAYS * 24 * 0.005)
        window = int(size / DAYS)  # young enough also where a weekend had few calls
        edited = self.server.ask("edit", number=max(1, size // 200), newest=window, mark="hot", offset=added)
        done, said, requests = self._ours(UNPOD_SWEEP_PAGES="1")
        found = self._marked("hot")
        is_complete = found == edited and said["tasks_changed"] == added + edited
        detail = f"{requests} requests, {said['requests_planned']} planned; "
        detail += f"{added} new and {found} of {edited} silent changes found"
        figures = [
            _figure("1 % changed, unpod-sync", done.seconds, detail, "every change found", is_complete)
        ]
        if self.dlt:
            theirs, asked, found = self._theirs("hot")
            detail = f"{asked} requests; {found} of {edited}; ours takes {done.seconds / theirs.seconds:.3f} "
            detail += f"of its time, {requests / asked:.3f} of its requests"
            met = done.seconds <= theirs.seconds / 10 and requests <= asked / 10
            target = "ours a tenth of its time and of its requests"
            figures.append(_figure("1 % changed, dlt", theirs.seconds, detail, target, met))
        done, said, requests = self._ours()
        figures.append(_figure("nothing new, with a sweep slice", done.seconds, f"{requests} requests"))
        return figures

    def _full(self, size: int) -> list[Figure]:
        """Changes of any age, and deletions."""
        edited = self.server.ask("edit", number=max(1, size // 100), newest=size, mark="any age")
        deleted = self.server.ask("delete", number=max(1, size // 1000))
        done, said, requests = self._ours("--full")
        found, gone = self._marked("any age"), said["tasks_deleted"]
        # A changed task may be among the deleted ones.
        is_complete = gone == deleted and edited - deleted <= found <= edited
        detail = f"{requests} requests; {found} of {edited} changes, {gone} of {deleted} deletions found"
        target = "every change and deletion found"
        figures = [_figure("--full, unpod-sync", done.seconds, detail, target, is_complete)]
        if self.dlt:
            theirs, asked, found = self._theirs("any age")
            detail = f"{asked} requests; {found} of {edited} changes, no deletion; "
            detail += f"ours takes {done.seconds / theirs.seconds:.3f} of its time"
            met = done.seconds <= theirs.seconds / 4
            figures.append(_figure("--full, dlt", theirs.seconds, detail, "ours a quarter of its time", met))
        return figures

    def _ours(self, *arguments: str, **environment: str) -> tuple[Run, dict[str, Any], int]:
        before = self.server.requests
        done, said = harness.sync(self.server, self.database, *arguments, environment=environment)
        requests = self.server.requests - before
        words = " ".join(("unpod-sync", *arguments))
        self.options.say(f"later_sync: {words} {done.seconds:.1f} s, {requests} requests")
        return done, said, requests

    def _theirs(self, mark: str) -> tuple[Run, int, int]:
        assert self.dlt is not None
        peer, python, _ = self.dlt
        before = self.server.requests
        environment = self.server.environment | peers.ENVIRONMENT | {"BENCH_MARK": mark}
        done = harness.run(peer.command(python, self.folder), environment=environment, folder=self.folder)
        self.options.say(f"later_sync: {peer.name} {done.seconds:.1f} s")
        return done, self.server.requests - before, int(done.json().get("found", 0))

    def _marked(self, mark: str) -> int:
        """Tasks whose stored payload shows the change."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            rows = connection.execute(
                "select count(*) from raw.payloads where kind = 'task'"
                " and json_extract_string(payload_json, '$.output.call_summary') = ?",
                [mark],
            ).fetchall()
        return int(rows[0][0])


def _figure(case: str, seconds: float, detail: str, target: str = "", is_met: bool | None = None) -> Figure:
    return Figure("later_sync", case, seconds, "s", detail, target, is_met)


def _planned(needs: dict[str, int]) -> int:
    """Requests that a list's plan takes; the first pages serve several needs at once."""
    from_the_top = max(needs.get(name, 0) for name in ("first", "new", "hot", "warm", "full"))
    return from_the_top + sum(needs.get(name, 0) for name in ("sweep", "unfinished"))
