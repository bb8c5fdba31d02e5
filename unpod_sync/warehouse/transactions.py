"""Transactions: all of a block is stored, or none of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import duckdb


@contextlib.contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commits what the block executes on this connection, or rolls it back on any error.

    The error of the block (or of the commit) is raised as it is, and the connection can be used again.
    Transactions do not nest: the inner `begin` raises, and the outer one is rolled back.
    """
    connection.execute("begin")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # A commit that fails, on a full disk for one, has ended the transaction itself.
        with contextlib.suppress(duckdb.Error):
            connection.execute("rollback")
        raise


@contextlib.contextmanager
def read_only_transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Lets the block only read on this connection, whatever its SQL; ends with a rollback."""
    connection.execute("begin transaction read only")
    try:
        yield
    finally:
        with contextlib.suppress(duckdb.Error):
            connection.execute("rollback")
