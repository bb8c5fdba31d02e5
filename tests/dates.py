"""The suite on other days: `make test-dates`. Needs libfaketime; further arguments go to pytest.

Each day is a run of pytest whose processes all see the wall clock moved; it goes on from there.
Monotonic clocks, and so waits and timeouts, are left alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")
HINT = (
    "libfaketime is missing: apt-get install libfaketime (Debian, Ubuntu), dnf install libfaketime (Fedora)"
)
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
#: The benchmarks measure seconds, not dates; their server closes connections under libfaketime.
NO_DATES = ("--ignore", "tests/benchmarks")
#: Python sleeps until a monotonic time, which libfaketime 0.9.10 takes for one of its own: "Invalid argument".
SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds)\n"


def main() -> int:
    """Runs the days chosen, one after the other; 1 when one of them fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.dates", description=__doc__)
    parser.add_argument(
        "--day", dest="days", action="append", choices=DAYS, help="repeatable; all without it"
    )
    chosen, arguments = parser.parse_known_args()
    library = find_library()
    if library is None:
        sys.exit(HINT)
    results = {day: run(*DAYS[day], library, arguments) for day in chosen.days or DAYS}
    for day, status in results.items():
        print(f"{day:10} {DAYS[day][0]} UTC, {DAYS[day][1]:18} {'failed' if status else 'passed'}")
    return int(any(results.values()))


def find_library() -> Path | None:
    """libfaketime for programs with threads, where distributions put it."""
    found = (path for pattern in LIBRARIES for path in sorted(Path("/").glob(pattern.removeprefix("/"))))
    return next(found, None)


def run(start: str, zone: str, library: Path, arguments: list[str]) -> int:
    """pytest on a day; its exit status. The offset is the same in all processes, whenever they start."""
    offset = datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp() - time.time()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sitecustomize.py").write_text(SLEEP, encoding="utf-8")
        environment = {
            **os.environ,
            "TZ": zone,
            "PYTHONPATH": folder,
            "LD_PRELOAD": str(library),
            "FAKETIME": f"{offset:+.0f}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",  # a process killed with its semaphore held would abort the others
        }
        print(f"\n{start} UTC, {zone}", flush=True)
        return subprocess.run(
            [sys.executable, "-m", "pytest", *NO_DATES, *arguments], cwd=ROOT, env=environment, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
