"""Start-up: the CPU that `--help` and `status` cost."""

from __future__ import annotations

import shutil
import sys

from tests.benchmarks import harness
from tests.benchmarks.harness import Figure, Options

SIZE = 5_000
MOST_SECONDS = 0.3


def run(options: Options) -> list[Figure]:
    """Medians over several starts."""
    folder = options.folder / "startup"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = folder / "unpod.duckdb"
    with harness.serving(options.sized(SIZE)) as server:
        harness.sync(server, database)
    figures = []
    for arguments in (["--help"], ["status", "--database", database], ["sync", "--help"]):
        runs = [
            harness.run([sys.executable, "-m", "unpod_sync", *arguments], folder=folder)
            for _ in range(options.repeats)
        ]
        cpu = harness.median([done.cpu_seconds for done in runs])
        name = " ".join(str(word) for word in arguments if word != database and word != "--database")
        met = cpu < MOST_SECONDS
        detail = f"{harness.median([done.seconds for done in runs]):.2f} s from start to end"
        figures.append(Figure("startup", f"unpod-sync {name}", cpu, "s CPU", detail, "under 0.3 s CPU", met))
    shutil.rmtree(folder)
    return figures
