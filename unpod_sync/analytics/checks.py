"""The claims of `sql/checks/`: what must hold of every warehouse. Each file is one claim.

Its first comment line states the claim; its query returns the rows that violate it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from unpod_sync.errors import WarehouseError
from unpod_sync.warehouse.queries import rows_as_dicts
from unpod_sync.warehouse.schema import sql_files

SAMPLE = 3


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one claim came to: `violations` rows against it, the first few in `sample`."""

    name: str
    claim: str
    violations: int
    sample: tuple[dict[str, Any], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.violations


def run_checks(connection: duckdb.DuckDBPyConnection) -> Iterator[CheckResult]:
    """Judges every claim, in the order of the files' names."""
    for path in sql_files("checks"):
        text = path.read_text(encoding="utf-8")
        yield _run_check(connection, path.stem, text)


def _run_check(connection: duckdb.DuckDBPyConnection, name: str, text: str) -> CheckResult:
    claim = text.lstrip().splitlines()[0].removeprefix("--").strip()
    query = text.strip().rstrip(";")
    try:
        counted = connection.execute(f"select count(*) from (\n{query}\n)").fetchone()
        number = int(counted[0]) if counted else 0
        if not number:
            return CheckResult(name, claim, 0)
        rows = tuple(rows_as_dicts(connection, f"select * from (\n{query}\n) limit {SAMPLE}"))
    except duckdb.Error as error:
        raise WarehouseError(
            f"the claim {name} cannot be judged: {str(error).splitlines()[0]}",
            "The file was published by another version: run `unpod-sync sync` (or rebuild) with this one.",
        ) from None
    return CheckResult(name, claim, number, rows)
