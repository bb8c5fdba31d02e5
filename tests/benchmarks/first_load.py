"""First load: the floor, unpod-sync, a plain script and other tools over the same tasks, in turn."""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import harness, peers
from tests.benchmarks.harness import Figure, Options, Run, Server

SIZE = 50_000

Action = Callable[[Path], Run]
"""Reads everything once, writing into a folder."""


def run(options: Options) -> list[Figure]:
    """At the latency of the options with the peers, then at 0 ms with one worker against four."""
    size = options.sized(SIZE)
    figures = []
    with harness.serving(size, latency_ms=options.latency_ms) as server:
        figures += _against_others(options, server, size)
        server.ask("latency", milliseconds=0)
        figures += _workers(options, server, size)
    return figures


def _against_others(options: Options, server: Server, size: int) -> list[Figure]:
    ready = peers.chosen(options)
    runs: dict[str, list[Run]] = defaultdict(list)
    details: dict[str, str] = {}
    for turn in range(options.repeats):
        for name, script in (("floor", "floor.py"), ("plain script", "plain.py")):
            runs[name].append(_measured(options, name, _script(server, script, size)))
        runs["unpod-sync"].append(_measured(options, "unpod-sync", _load(server, size)))
        for peer, python, versions in ready if turn == 0 else ():
            before = server.requests
            try:
                done = _measured(options, peer.name, _peer(server, peer, python, size))
            except (harness.FailedRunError, ValueError) as error:
                options.say(f"{peer.name}: failed, {error}")
                continue
            runs[peer.name].append(done)
            details[peer.name] = f"{versions}; {server.requests - before} requests"
    return _figures(runs, details, size, f"{options.latency_ms:.0f} ms")


def _figures(runs: dict[str, list[Run]], details: dict[str, str], size: int, where: str) -> list[Figure]:
    ours = harness.median([done.seconds for done in runs["unpod-sync"]])
    least = {"floor": 0.5, "plain script": 3.0, "dlt": 8.0}
    words = {"floor": "ours at most 2 ×", "plain script": "at least 3 × ours", "dlt": "at least 8 × ours"}
    figures = []
    for name, done in runs.items():
        seconds = harness.median([one.seconds for one in done])
        ratio = seconds / ours
        detail = (
            f"{size / seconds:,.0f} tasks/s, {harness.median([one.cpu_seconds for one in done]):.1f} s CPU, "
            f"{max(one.peak_mb for one in done):,.0f} MB"
        )
        if name == "floor":
            detail += f"; ours takes {1 / ratio:.2f} × this"
        elif name != "unpod-sync":
            detail += f"; {ratio:.1f} × ours"
        if spread := harness.spread([one.seconds for one in done]):
            detail += f" ({spread})"
        if name in details:
            detail += f"; {details[name]}"
        met = ratio >= least[name] if name in least else None
        figures.append(
            Figure("first_load", f"{where}, {name}", seconds, "s", detail, words.get(name, ""), met)
        )
    return figures


def _workers(options: Options, server: Server, size: int) -> list[Figure]:
    """Threads must not cost where there is nothing to wait for."""
    runs: dict[str, list[Run]] = defaultdict(list)
    for _ in range(options.repeats):
        runs["floor"].append(_measured(options, "floor", _script(server, "floor.py", size)))
        for workers, name in ((1, "unpod-sync, 1 worker"), (4, "unpod-sync, 4 workers")):
            load = _load(server, size, {"UNPOD_WORKERS": str(workers)})
            runs[name].append(_measured(options, name, load))
    medians = {name: harness.median([one.seconds for one in done]) for name, done in runs.items()}
    figures = []
    for name, done in runs.items():
        cpu = harness.median([one.cpu_seconds for one in done])
        detail = f"{size / medians[name]:,.0f} tasks/s, {cpu:.1f} s CPU"
        if spread := harness.spread([one.seconds for one in done]):
            detail += f" ({spread})"
        if name != "floor":
            detail += f"; {medians[name] / medians['floor']:.2f} × the floor"
        target, met = "", None
        if name.endswith("4 workers"):
            target = "no slower than 1 worker"
            met = medians[name] <= medians["unpod-sync, 1 worker"] * 1.05
        figures.append(Figure("first_load", f"0 ms, {name}", medians[name], "s", detail, target, met))
    return figures


def _script(server: Server, script: str, size: int) -> Action:
    def action(folder: Path) -> Run:
        command: list[str | Path] = [sys.executable, peers.CONTESTANTS / script, folder]
        done = harness.run(command, environment=server.environment, folder=folder)
        _expect(script, done.json()["tasks"], size)
        return done

    return action


def _peer(server: Server, peer: peers.Peer, python: Path, size: int) -> Action:
    def action(folder: Path) -> Run:
        environment = server.environment | peers.ENVIRONMENT
        done = harness.run(peer.command(python, folder), environment=environment, folder=folder)
        _expect(peer.name, done.json()["tasks"], size)
        return done

    return action


def _load(server: Server, size: int, environment: dict[str, str] | None = None) -> Action:
    def action(folder: Path) -> Run:
        done, said = harness.sync(server, folder / "unpod.duckdb", environment=environment)
        _expect("unpod-sync", said["tasks_changed"], size)
        return done

    return action


def _measured(options: Options, name: str, action: Action) -> Run:
    folder = options.folder / "first_load"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = action(folder)
    shutil.rmtree(folder)
    options.say(
        f"first_load: {name} {done.seconds:.1f} s, {done.cpu_seconds:.1f} s CPU, {done.peak_mb:.0f} MB"
    )
    return done


def _expect(name: str, found: int, size: int) -> None:
    if found != size:
        raise harness.FailedRunError(f"{name} holds {found} tasks, not {size}")
