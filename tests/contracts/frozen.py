"""What users, dashboards and scripts rely on, as plain data.

`python -m tests.contracts.frozen` writes it to `golden/`; `test_contracts.py` compares. Whoever moves code
must not need to write it again: a difference is a change of behaviour, and belongs in the CHANGELOG.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import duckdb

from unpod_sync import cli
from unpod_sync.simulator import Simulator, World

GOLDEN = Path(__file__).parent / "golden"
VARIANTS = Path(__file__).parents[1] / "variants.json"
NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC)

#: Columns that differ from one sync to the next, or follow from how a payload is hashed.
NOT_COMPARED = {
    "content_hash",
    "first_seen_at",
    "changed_at",
    "observed_at",
    "load_id",
    "batch_id",
    "answer_order",
}

#: Tables of our own state whose columns are an agreement; those of bookmarks and the like are not.
META = ("loads", "rejects", "metrics", "settings")


def dumped(value: object) -> str:
    """One spelling for each value, a line for each entry of each entry."""

    def text(item: object) -> str:
        return json.dumps(item, sort_keys=True, ensure_ascii=False, default=str)

    if not isinstance(value, dict):
        return text(value) + "\n"
    lines = []
    for name, item in sorted(value.items()):
        lines += [name, *(f"  {text(part)}" for part in (item if isinstance(item, list) else [item]))]
    return "\n".join(lines) + "\n"


# -- commands and settings ------------------------------------------------------------------------


def commands() -> dict[str, list[str]]:
    """Each command's options and arguments."""
    found = {}
    for name in cli.COMMANDS:
        command = importlib.import_module(f"unpod_sync.cli.{name}").command
        found[name] = sorted(
            spelling
            for parameter in command.params
            for spelling in (
                (*parameter.opts, *parameter.secondary_opts)
                if isinstance(parameter, click.Option)
                else [str(parameter.name).upper()]
            )
        )
    return found


def settings() -> dict[str, object]:
    """Each key of the configuration file (and `UNPOD_…` of the environment) with its default."""
    import dataclasses

    from unpod_sync.config import Settings

    return {field.name: field.default for field in dataclasses.fields(Settings)}


def exit_statuses() -> dict[str, int]:
    """Each kind of end with the status of the process."""
    from unpod_sync import errors

    return {name: value for name, value in vars(errors).items() if name.startswith("EXIT_")}


# -- one synced warehouse -------------------------------------------------------------------------


@contextlib.contextmanager
def synced(folder: Path) -> Iterator[Callable[..., str]]:
    """A warehouse of the variants and a small world; gives a function that runs a command on it."""
    world = World.generate(3, tasks=12, spaces=1, now=NOW)
    world.load_variants(str(world.spaces[0]["token"]), json.loads(VARIANTS.read_text(encoding="utf-8")))
    database = folder / "unpod.duckdb"
    with Simulator(world) as simulator:
        environment = {
            "UNPOD_API_TOKEN": simulator.token,
            "UNPOD_ORG_HANDLE": simulator.org_handle,
            "UNPOD_BASE_URL": simulator.base_url,
            "UNPOD_DATABASE": str(database),
            "UNPOD_TIMEZONE": "Asia/Kolkata",
        }
        before = dict(os.environ)
        os.environ.update(environment)
        try:
            yield lambda *arguments: run(*arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)


def run(*arguments: str) -> str:
    """What the command line writes to stdout."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        cli._run(list(arguments))
    return out.buffer.getvalue().decode()  # type: ignore[attr-defined, no-any-return]


def keys(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all keys in a JSON document, `[]` for the items of a list."""
    if isinstance(value, dict):
        for key, item in value.items():
            # Names of lists and spaces are data, not keys.
            name = "*" if "/" in key or key.isupper() or (key[:1].isdigit()) else key
            yield f"{path}.{name}".lstrip(".")
            yield from keys(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from keys(item, f"{path}[]")


def json_keys(run: Callable[..., str], database: Path) -> dict[str, list[str]]:
    """The keys of each command's JSON output. The first call is the sync that fills the file."""
    calls = {"sync": ("sync", "--json")}
    documents = {name: json.loads(run(*call)) for name, call in calls.items()}
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute(
            "select task_id from tasks where message_count > 2 order by task_id limit 1"
        ).fetchone()
    task = str(row[0]) if row else ""
    for name, call in {
        "status": ("status", "--json"),
        "report": ("report", "--json"),
        "search": ("search", "hello", "--json"),
        "call": ("call", task, "--json"),
        "check": ("check", "--json"),
        "metrics": ("metrics", "--json"),
        "fields": ("fields", "--json"),
    }.items():
        documents[name] = json.loads(run(*call))
    return {name: sorted(set(keys(document))) for name, document in documents.items()}


def schema(database: Path) -> dict[str, list[str]]:
    """Each table and view that others may rely on, with its columns and types in their order."""
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            "select schema_name || '.' || table_name, column_name || ' ' || data_type from duckdb_columns()"
            " where not internal and (schema_name in ('main', 'raw') or table_name in (select unnest(?)))"
            " order by 1, column_index",
            [list(META)],
        ).fetchall()
    found: dict[str, list[str]] = {}
    for table, column in rows:
        found.setdefault(table, []).append(column)
    return found


def contents(database: Path) -> dict[str, list[list[str | None]]]:
    """Every value of every table of `main` and `raw`, less what differs from sync to sync."""
    found = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
            " where not internal and schema_name in ('main', 'raw') order by 1"
        ).fetchall()
        for (table,) in tables:
            columns = [row[0] for row in connection.execute(f"describe {table}").fetchall()]
            wanted = [name for name in columns if name not in NOT_COMPARED]
            listed = ", ".join(f'"{name}"::varchar' for name in wanted)
            rows = connection.execute(f"select {listed} from {table} order by all").fetchall()
            found[table] = [wanted, *(list(row) for row in rows)]
    return found


def files(folder: Path) -> list[str]:
    """The names of the files that a sync leaves."""
    return sorted(path.name for path in folder.iterdir())


def everything() -> dict[str, Any]:
    """All agreements, by the name of their file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "unpod.duckdb"
        with synced(folder) as run:
            found: dict[str, Any] = {"json_keys": json_keys(run, database)}
        found |= {
            "commands": commands(),
            "settings": settings(),
            "exit_statuses": exit_statuses(),
            "schema": schema(database),
            "contents": contents(database),
            "files": files(folder),
        }
    return found


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for title, value in everything().items():
        (GOLDEN / f"{title}.txt").write_text(dumped(value), encoding="utf-8")
