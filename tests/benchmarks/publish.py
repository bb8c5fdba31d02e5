"""Publishing against a plain copy of the same file, in turn, each synced to disk."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from tests.benchmarks import harness, synthetic
from tests.benchmarks.harness import Figure, Options
from unpod_sync.warehouse import publish
from unpod_sync.warehouse.files import Files

SIZE = 200_000
FICLONE = 0x40049409


def run(options: Options) -> list[Figure]:
    """Medians; the second line says whether the file system shares blocks between copies."""
    size = options.sized(SIZE)
    folder = options.folder / "publish"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = synthetic.build(folder, min(synthetic.SEED_TASKS, size))
    work = synthetic.work_file(database)
    synthetic.multiply(work, size)
    files = Files(database)
    copies, ours = [], []
    for _ in range(options.repeats):
        copies.append(_timed(lambda: _plain_copy(work, folder / "copy")))
        ours.append(_timed(lambda: publish.publish(files)))
    if publish.revision_of(database) != publish.revision_of(work):
        raise harness.FailedRunError("what was published is not what was written")
    megabytes = work.stat().st_size / 2**20
    plain, mine = harness.median(copies), harness.median(ours)
    shares = can_clone(folder)
    shutil.rmtree(folder)
    how = "file system shares blocks (copy-on-write)" if shares else "file system copies blocks"
    return [
        Figure(
            "publish", "plain copy and fsync", plain, "s", f"{megabytes:,.0f} MB; {harness.spread(copies)}"
        ),
        Figure(
            "publish",
            "publish",
            mine,
            "s",
            f"{mine / plain:.2f} × the copy; {how}; {harness.spread(ours)}",
            "a file copy, not a rewrite",
            mine < plain * 1.3 + 0.1,
        ),
    ]


def can_clone(folder: Path) -> bool:
    """Whether the folder's file system can share blocks between two files."""
    if sys.platform != "linux":
        return False
    import fcntl

    source, target = folder / "clone-from", folder / "clone-to"
    source.write_bytes(b"x" * 65536)
    try:
        with source.open("rb") as reader, target.open("wb") as writer:
            fcntl.ioctl(writer.fileno(), FICLONE, reader.fileno())
    except OSError:
        return False
    finally:
        source.unlink()
        target.unlink(missing_ok=True)
    return True


def _plain_copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


def _timed(action: object) -> float:
    assert callable(action)
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
