"""The suite on other days: `make test-dates`. Needs Linux and a C compiler; further arguments go to pytest.

Each day is a run of pytest whose processes all see the wall clock moved by `tests/dates.c`; it goes on from
there. Monotonic clocks, and so waits and timeouts, are left alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = Path(__file__).with_suffix(".c")
HINT = "a C compiler is missing: apt-get install gcc libc6-dev (Debian, Ubuntu), dnf install gcc (Fedora)"
#: When the suite begins, in UTC, and the time zone of the machine.
DAYS = {
    "first": ("2027-03-01 00:10", "UTC"),
    "28th": ("2027-02-28 18:40", "Asia/Kolkata"),
    "leap-day": ("2028-02-29 12:00", "UTC"),
    "31st": ("2027-08-31 20:00", "Asia/Kolkata"),
    "sunday": ("2027-06-13 05:00", "America/St_Johns"),
    "new-year": ("2026-12-31 23:30", "UTC"),
    "spring": ("2027-03-14 06:58", "America/New_York"),  # at 07:00 UTC it is 3 o'clock there, after 1:59
    "autumn": ("2027-11-07 05:58", "America/New_York"),  # at 06:00 UTC it is 1 o'clock there once more
}


def main() -> int:
    """Runs the days chosen, one after the other; 1 when one of them fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.dates", description=__doc__)
    parser.add_argument(
        "--day", dest="days", action="append", choices=DAYS, help="repeatable; all without it"
    )
    chosen, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        library = compile_library(Path(folder))
        results = {day: run(*DAYS[day], library, arguments) for day in chosen.days or DAYS}
    for day, status in results.items():
        print(f"{day:10} {DAYS[day][0]} UTC, {DAYS[day][1]:18} {'failed' if status else 'passed'}")
    return int(any(results.values()))


def compile_library(folder: Path) -> Path:
    """The library that moves the wall clock, compiled into a folder."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        sys.exit(HINT)
    library = folder / "dates.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def run(start: str, zone: str, library: Path, arguments: list[str]) -> int:
    """pytest on a day; its exit status. The offset is the same in all processes, whenever they start."""
    offset = datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp() - time.time()
    environment = {**os.environ, "TZ": zone, "LD_PRELOAD": str(library), "CLOCK_SHIFT": f"{offset:.0f}"}
    print(f"\n{start} UTC, {zone}", flush=True)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
