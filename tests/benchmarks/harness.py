"""What every benchmark needs: a server to read from, processes to time, figures to print."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `target` is what issue 5 asks, `is_met` whether it was reached."""

    benchmark: str
    case: str
    value: float | None
    unit: str
    detail: str = ""
    target: str = ""
    is_met: bool | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How large, where, and what is left out."""

    size: int | None
    folder: Path
    repeats: int = 3
    latency_ms: float = 30.0
    peers: tuple[str, ...] = ("dlt", "singer", "airbyte")
    peers_folder: Path = Path()
    report: Callable[[Figure], None] = lambda figure: None
    say: Callable[[str], None] = lambda text: None

    def sized(self, default: int) -> int:
        """The size asked for, or the benchmark's own."""
        return self.size if self.size is not None else default


@dataclass(frozen=True, slots=True)
class Run:
    """One process from start to end, its children included."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    status: int
    output: str
    errors: str

    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.output)


class FailedRunError(Exception):
    """A measured process ended with an unexpected status: its figures would mean nothing."""


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path,
    accept: tuple[int, ...] = (0,),
    tick: Callable[[int], None] | None = None,
    tick_seconds: float = 1.0,
) -> Run:
    """Runs a command to its end and takes its time, CPU and peak memory from the kernel.

    `tick` is called with the process id every `tick_seconds` while it runs, from another thread.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [str(word) for word in command],
        env=clean_environment() | dict(environment or {}),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    texts: dict[str, bytes] = {}

    def drain(name: str, stream: Any) -> None:
        texts[name] = stream.read()
        stream.close()

    ended = threading.Event()

    def watch() -> None:
        while tick is not None and not ended.wait(tick_seconds):
            tick(process.pid)

    threads = [
        threading.Thread(target=drain, args=("out", process.stdout)),
        threading.Thread(target=drain, args=("err", process.stderr)),
        threading.Thread(target=watch),
    ]
    for thread in threads:
        thread.start()
    _, waited, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(waited)
    ended.set()
    for thread in threads:
        thread.join()
    result = Run(
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        process.returncode,
        texts["out"].decode(errors="replace"),
        texts["err"].decode(errors="replace"),
    )
    if result.status not in accept:
        tail = "\n".join((result.errors or result.output).strip().splitlines()[-6:])
        raise FailedRunError(f"{Path(str(command[0])).name} ended with {result.status}:\n{tail}")
    return result


def clean_environment() -> dict[str, str]:
    """Our environment without settings of the tool, so that a benchmark measures the defaults."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UNPOD_")}
    return kept | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": ""}


@dataclass
class Server:
    """A simulated API in a process of its own; `ask` changes its world."""

    base_url: str
    token: str
    org_handle: str
    spaces: tuple[str, ...]
    process: subprocess.Popen[str] = field(repr=False)

    def ask(self, do: str, **arguments: Any) -> Any:
        """Has the server's world changed, or asks for what it holds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    @property
    def requests(self) -> int:
        """Requests answered so far."""
        return int(self.ask("requests"))

    @property
    def environment(self) -> dict[str, str]:
        """What unpod-sync needs to read it, and what the scripts compared with it need."""
        return {
            "UNPOD_BASE_URL": self.base_url,
            "UNPOD_API_TOKEN": self.token,
            "UNPOD_ORG_HANDLE": self.org_handle,
            "BENCH_SPACES": ",".join(self.spaces),
            "BENCH_PAGE_SIZE": str(PAGE_SIZE),
        }


@contextmanager
def serving(
    tasks: int, *, latency_ms: float = 0.0, days: int = 60, spaces: int = 1, behind_hours: float = 0.0
) -> Iterator[Server]:
    """A server of that many uniform tasks (6.2 KB, 20 messages each), evenly over the days."""
    words = {
        "--tasks": tasks,
        "--latency-ms": latency_ms,
        "--days": days,
        "--spaces": spaces,
        "--behind-hours": behind_hours,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.server", *(str(w) for pair in words.items() for w in pair)],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield Server(ready["base_url"], ready["token"], ready["org_handle"], tuple(ready["spaces"]), process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def sync(
    server: Server, database: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[Run, dict[str, Any]]:
    """One `unpod-sync sync` as a whole process, with what it says about itself."""
    done = run(
        [sys.executable, "-m", "unpod_sync", "sync", "--json", "--database", database, *arguments],
        environment=server.environment | dict(environment or {}),
        folder=database.parent,
    )
    return done, done.json()


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """The values behind a median, shortest first."""
    return " ".join(f"{value:.1f}" for value in sorted(values)) if len(values) > 1 else ""


def machine() -> str:
    """Where the figures come from."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        processor = names[0] if names else processor
    memory = ""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    load = f", load average {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"{processor}, {os.cpu_count()} cores{memory}{load}"


def versions(*names: str) -> str:
    """Python and these packages."""
    found = [f"Python {platform.python_version()}"]
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def print_table(figures: Sequence[Figure]) -> None:
    """All figures as one Markdown table."""
    print("\n| benchmark | case | figure | detail | asked | met |\n| --- | --- | ---: | --- | --- | --- |")
    for figure in figures:
        value = "–" if figure.value is None else f"{figure.value:,.{_decimals(figure.value)}f} {figure.unit}"
        met = {None: "", True: "yes", False: "NO"}[figure.is_met]
        print(f"| {figure.benchmark} | {figure.case} | {value} | {figure.detail} | {figure.target} | {met} |")


def _decimals(value: float) -> int:
    if value == int(value):
        return 0
    return 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
