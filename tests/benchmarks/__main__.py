"""`python -m tests.benchmarks`: every benchmark, one table."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path

import platformdirs

from tests.benchmarks import harness
from tests.benchmarks.harness import Figure, Options

BENCHMARKS = ("first_load", "later_sync", "memory", "merge", "startup", "views", "publish")


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked for; 1 when a benchmark failed (a target that is missed is no failure)."""
    chosen = _parser().parse_args(arguments)
    print(harness.machine())
    print(harness.versions("unpod-sync", "duckdb", "pyarrow", "orjson", "msgspec", "requests"))
    if chosen.folder:
        chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unpod-bench-", dir=chosen.folder) as folder:
        options = Options(
            size=chosen.size,
            folder=Path(folder),
            repeats=chosen.repeats,
            latency_ms=chosen.latency_ms,
            peers=tuple(name for name in chosen.peers.split(",") if name),
            peers_folder=chosen.peers_folder,
            say=_say,
        )
        figures, failed = run(chosen.only or BENCHMARKS, options)
    harness.print_table(figures)
    if chosen.json:
        chosen.json.write_text(json.dumps([dataclasses.asdict(figure) for figure in figures], indent=1))
    return 1 if failed else 0


def run(names: tuple[str, ...] | list[str], options: Options) -> tuple[list[Figure], list[str]]:
    """The figures of these benchmarks, and the names of those that failed."""
    figures: list[Figure] = []
    failed: list[str] = []
    for name in names:
        started = time.monotonic()
        try:
            figures += importlib.import_module(f"tests.benchmarks.{name}").run(options)
        except harness.FailedRunError as error:
            failed.append(name)
            options.say(f"{name} failed: {error}")
        options.say(f"{name}: {time.monotonic() - started:.0f} s in all")
    return figures, failed


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--size", type=int, help="tasks, instead of each benchmark's default")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the median counts")
    parser.add_argument("--latency-ms", type=float, default=30.0)
    parser.add_argument("--peers", default="dlt,singer,airbyte", help="other tools; empty for none")
    parser.add_argument(
        "--peers-folder",
        type=Path,
        default=Path(platformdirs.user_cache_dir("unpod-sync-bench")),
        help="where their virtual environments are made and kept",
    )
    parser.add_argument("--folder", type=Path, help="where the databases are written, and removed")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
