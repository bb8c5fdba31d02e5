"""A new work file is a copy of a template, which is built once per version and kept in the user's cache.

Building schema, views and comments takes ten times as long as copying them. A cache that is broken, or that cannot be
written, costs that time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from datetime import datetime
from pathlib import Path

import duckdb
import platformdirs

from unpod_sync import __version__
from unpod_sync.warehouse import schema, work_file
from unpod_sync.warehouse.files import write_atomically

HASH_BYTES = 32  # a cached file begins with the hash of the rest


def create(path: Path, memory_limit: str, *, now: datetime) -> None:
    """Makes an empty warehouse with schema and views at `path`, where nothing is.

    A copy has the times of the template's migrations.
    """
    cached = _place()
    content = _read(cached)
    if content is not None:
        write_atomically(path, content, mode=0o600, durable=False)
        return
    connection = work_file.attach(path, memory_limit)
    try:
        schema.create_schema(connection, now=now)
        schema.build_views(connection)
        connection.execute("checkpoint warehouse")
    finally:
        connection.close()
    with contextlib.suppress(OSError):
        _write(cached, path.read_bytes())


def _place() -> Path:
    """The cached file of this version: other sources of the schema, or another DuckDB, make another name."""
    sources = f"{duckdb.__version__} {work_file.FORMAT} {schema.fingerprint()}"
    name = hashlib.sha256(sources.encode()).hexdigest()[:16]
    return platformdirs.user_cache_path("unpod-sync") / f"template-{__version__}-{name}"


def _read(cached: Path) -> bytes | None:
    """The template, None unless it is whole and nobody else could have written it."""
    try:
        found = cached.stat()
        content = cached.read_bytes()
    except OSError:
        return None
    is_ours = os.name != "posix" or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)
    digest, rest = content[:HASH_BYTES], content[HASH_BYTES:]
    return rest if is_ours and hashlib.sha256(rest).digest() == digest else None


def _write(cached: Path, content: bytes) -> None:
    """Replaces the templates of other versions."""
    cached.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in cached.parent.glob("template-*"):
        old.unlink()
    write_atomically(cached, hashlib.sha256(content).digest() + content, mode=0o600, durable=False)
