"""One DuckDB instance for a whole process: starting one costs 30 ms, a soak would start thousands.

Only the instance is shared. Files are attached and detached exactly as `duckdb.connect` opens and
closes them. `tests/soak/test_soak.py` runs without this.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

_real = duckdb.connect


class Connection:
    """A cursor of the shared instance that stands for a connection of its own.

    Attributes are handed through unwrapped, so that DuckDB finds Arrow tables by the caller's
    variable names.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, alias: str | None) -> None:
        self._cursor = cursor
        self._alias = alias
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with suppress(duckdb.Error):
            self._cursor.execute("rollback")
        self._cursor.execute("use memory")
        for name in (self._alias, "warehouse", "old") if self._alias is None else (self._alias,):
            if name is not None:
                self._cursor.execute(f"detach database if exists {name}")
        self._cursor.close()


class Instance:
    """Stands in for the function `duckdb.connect`."""

    def __init__(self) -> None:
        self._shared = _real(":memory:", config={"threads": "1"})
        self._numbers = itertools.count(1)

    def __call__(self, path: str = ":memory:", read_only: bool = False, config: Any = None) -> Connection:
        cursor = self._shared.cursor()
        if path == ":memory:":
            return Connection(cursor, None)
        alias = f"db_{next(self._numbers)}"
        # DuckDB itself refuses to open a missing file for reading; ATTACH would say the same.
        name = str(Path(path)).replace("'", "''")
        cursor.execute(f"attach '{name}' as {alias}" + (" (read_only)" if read_only else ""))
        cursor.execute(f"use {alias}")
        return Connection(cursor, alias)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """`duckdb.connect` gives cursors of this instance while this lasts."""
        duckdb.connect = self  # type: ignore[assignment]
        try:
            yield
        finally:
            duckdb.connect = _real
