"""What the tests of faults would catch: our code made wrong on purpose, one promise after the other.

    python -m tests.faults.mutations            # all of them, about five minutes
    python -m tests.faults.mutations order

Each mutation is made in a copy of the tree, the named tests run there, and have to fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TAKEN = ("unpod_sync", "sql", "tests", "docs", "pyproject.toml", "README.md")


@dataclass(frozen=True)
class Mutation:
    """`old` becomes `new` in `file`; `tests` are pytest's arguments."""

    name: str
    promise: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS = (
    Mutation(
        "silent-edits",
        "1 model: what changed without a new `modified` is found",
        "unpod_sync/transform/records.py",
        "    digest = hashlib.sha256(payload[:HELD])\n",
        '    value = decode(payload)\n    payload = repr([value.get(k) for k in ("task_id", "modified", "status")]).encode()\n'
        "    digest = hashlib.sha256(payload[:HELD])\n",
        "tests/soak/test_soak.py",
    ),
    Mutation(
        "deletions",
        "1 model: what the server deleted is marked",
        "unpod_sync/warehouse/merge.py",
        'set deleted_at = ?, changed_at = ? from gone"',
        'set deleted_at = ?, changed_at = ? from gone where false and"',
        "tests/soak/test_soak.py",
    ),
    Mutation(
        "hidden-news",
        "1 model: rows that vanished hide no new ones",
        "unpod_sync/sync/reconcile.py",
        "            self._read_until_known,\n",
        "",
        "tests/soak/test_found.py",
    ),
    Mutation(
        "order",
        "2 order: copies in any order give the same warehouse",
        "unpod_sync/warehouse/merge.py",
        "if id_ not in best or rank(i) > rank(best[id_]):",
        "if True:",
        "tests/soak/test_order.py",
    ),
    Mutation(
        "missing-keys",
        "2 order: a missing key erases nothing",
        "unpod_sync/transform/records.py",
        "    fields = (fields_of(record.payload) or {}) | missing\n",
        '    fields = (fields_of(record.payload) or {}) | dict.fromkeys(missing, msgspec.Raw(b"null"))\n',
        "tests/soak/test_order.py",
    ),
    Mutation(
        "status-206",
        "3 faults: a 206 is never a success",
        "unpod_sync/api/responses.py",
        "    if status == 200:\n        rows",
        "    if status in (200, 206):\n        rows",
        "tests/faults/test_answers_that_fail.py tests/api/test_responses.py",
    ),
    Mutation(
        "no-isolation",
        "3 faults: a poisoned row costs only itself",
        "unpod_sync/sync/extract.py",
        "            isinstance(error, ResponseError | UnavailableError)\n",
        "            isinstance(error, ())\n",
        "tests/faults/test_answers_that_fail.py",
    ),
    Mutation(
        "torn-batches",
        "4 death: rows and bookmarks are committed together",
        "unpod_sync/warehouse/merge.py",
        "    changed: dict[str, int] = {}\n    with transaction(connection):\n",
        "    changed: dict[str, int] = {}\n    write_bookmarks(connection, batch.bookmarks)\n"
        "    with transaction(connection):\n",
        "tests/soak/test_deaths.py",
    ),
    Mutation(
        "in-place",
        "5 readers: the published file is only ever replaced whole",
        "unpod_sync/warehouse/publish.py",
        "            temporary.replace(files.published)\n",
        "            files.published.write_bytes(temporary.read_bytes())\n",
        "tests/faults/test_files.py",
    ),
    Mutation(
        "late-damage",
        "5 readers: a damaged work file is made again, whenever the damage shows",
        "unpod_sync/warehouse/duckdb_file.py",
        "            if self.restore(error, notes):\n",
        "            if False:\n",
        "tests/faults/test_files.py",
    ),
    Mutation(
        "no-lock",
        "6 two at once: the second is told",
        "unpod_sync/warehouse/duckdb_file.py",
        "                lock.acquire(timeout=LOCK_PATIENCE)\n",
        "                pass\n",
        "tests/faults/test_files.py",
    ),
    Mutation(
        "day-budget",
        "7 budgets: the day's budget counts what was used",
        "unpod_sync/sync/state_file.py",
        'return int(used.get("requests", 0)) if used.get("day") == now.date().isoformat() else 0',
        "return 0",
        "tests/faults/test_budgets.py",
    ),
    Mutation(
        "greedy-lists",
        "7 budgets: lists take turns when the budget is scarce",
        "unpod_sync/sync/discover.py",
        "    if left is None or left >= ENOUGH_REQUESTS * len(lists + executions):\n",
        "    if True:\n",
        "tests/faults/test_budgets.py",
    ),
    Mutation(
        "no-redaction",
        "8 secrets: none is stored",
        "unpod_sync/transform/secrets.py",
        "        return sorted(found)\n",
        "        return []\n",
        "tests/faults/test_secrets.py",
    ),
)


def places(mutation: Mutation) -> int:
    """How often the mutation's text stands in its file."""
    return (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.old)


def is_caught(mutation: Mutation, folder: Path) -> bool:
    """Whether the tests fail in a copy of the tree with this mutation."""
    for name in TAKEN:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    path = folder / mutation.file
    path.write_text(path.read_text(encoding="utf-8").replace(mutation.old, mutation.new), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode not in (0, 1):
        raise RuntimeError(ran.stdout + ran.stderr)
    failed = [
        line.split(" - ")[0].removeprefix("FAILED ") for line in ran.stdout.splitlines() if "FAILED" in line
    ]
    print(
        f"{mutation.name:20} {'caught by ' + failed[-1] if failed else 'NOT CAUGHT':100} {mutation.promise}",
        flush=True,
    )
    return ran.returncode == 1


def main(names: list[str]) -> int:
    """Tries the named mutations, or all; 1 when one is not caught."""
    chosen = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    missed = 0
    for mutation in chosen:
        if places(mutation) != 1:
            print(
                f"{mutation.name}: the text to be changed stands {places(mutation)} times in {mutation.file}"
            )
            missed += 1
            continue
        with tempfile.TemporaryDirectory() as folder:
            missed += not is_caught(mutation, Path(folder))
    print(f"{len(chosen) - missed} of {len(chosen)} mutations caught")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
