"""Readers, and everything others can do to our files, and a second sync at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import duckdb
import pytest

from tests.conftest import Ran
from tests.faults.kit import Site
from unpod_sync.errors import LockedError, MigrationError, WarehouseError
from unpod_sync.warehouse.duckdb_file import DuckDBFile


def change(site: Site) -> None:
    """Something new, so that the next sync publishes."""
    site.world.add_task(
        site.spaces[0], {"output": {"call_id": f"new {len(site.world.task_ids(site.spaces[0]))}"}}
    )


COUNT = "select count(*) from main.tasks"


@pytest.mark.usefixtures("synced")
def test_a_reader_that_holds_on_sees_what_it_saw(site: Site) -> None:
    """A connection opened before two publishes keeps its snapshot, a new one sees the news."""
    with duckdb.connect(str(site.files.published), read_only=True) as held:
        before = held.execute(COUNT).fetchone()
        for _ in range(2):
            change(site)
            assert site.sync().published
        assert held.execute(COUNT).fetchone() == before
        assert held.execute("select count(*) from calls").fetchone() is not None
    assert site.ask(COUNT) == [(before[0] + 2,)]  # type: ignore[index]


@pytest.mark.usefixtures("synced")
def test_readers_that_come_and_go_disturb_nobody(site: Site) -> None:
    """Three readers reconnect all the time while three syncs publish: no error on either side."""
    stop, errors, reads = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            try:
                with duckdb.connect(str(site.files.published), read_only=True) as connection:
                    reads.append(connection.execute(COUNT).fetchall())
            except duckdb.Error as error:
                errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(3):
            change(site)
            assert site.sync().published
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert errors == []
    assert reads


@pytest.mark.usefixtures("synced")
def test_a_stray_log_is_refused_by_name(site: Site) -> None:
    """A .wal beside the published file is never published over; when it is gone, everything is."""
    change(site)
    site.files.stray_wal.write_bytes(b"somebody wrote here")
    with pytest.raises(WarehouseError, match=r"u\.duckdb\.wal"):
        site.sync()
    assert site.files.stray_wal.read_bytes() == b"somebody wrote here"
    site.files.stray_wal.unlink()
    assert site.sync().published
    assert site.is_complete()


@pytest.mark.parametrize("how", ["deleted", "unreadable", "garbage", "empty", "cut"])
def test_the_published_file_spoilt_is_published_anew(site: Site, how: str) -> None:
    """Whatever became of the published file, the next sync puts a whole one there."""
    if how == "unreadable" and os.geteuid() == 0:
        pytest.skip("root reads everything")
    site.sync()
    spoil(site.files.published, how)
    assert site.sync().published
    assert site.is_complete()


@pytest.mark.usefixtures("synced")
def test_a_foreign_database_in_our_place_is_kept(site: Site) -> None:
    """A readable database that is not ours is moved aside, not overwritten."""
    site.files.published.unlink()
    with duckdb.connect(str(site.files.published)) as connection:
        connection.execute("create table precious as select 42 as answer")
    assert site.sync().published
    (aside,) = site.folder.glob("u.duckdb.foreign-*")
    with duckdb.connect(str(aside), read_only=True) as connection:
        assert connection.execute("select answer from precious").fetchall() == [(42,)]


def test_a_foreign_database_is_not_taken_over(site: Site) -> None:
    """Pointed at somebody's database, the first sync refuses and changes no byte."""
    site.folder.mkdir()
    with duckdb.connect(str(site.files.published)) as connection:
        connection.execute("create table precious as select 42 as answer")
    content = site.files.published.read_bytes()
    with pytest.raises(WarehouseError, match="did not make"):
        site.sync()
    assert site.files.published.read_bytes() == content


def test_a_file_that_is_no_database_is_left_as_it_is(site: Site, run_cli: Callable[..., Ran]) -> None:
    """Whatever command is pointed at somebody's notes, and however often: refused, and no byte changes."""
    site.folder.mkdir()
    site.files.published.write_text("number,name\n1,one\n")
    for dry_run in (False, True, False):
        with pytest.raises(WarehouseError, match="is not a DuckDB file"):
            site.sync(dry_run=dry_run)
    for command in ("rebuild", ("forget", "--list"), ("query", "select 1"), "status"):
        words = (command,) if isinstance(command, str) else command
        ran = run_cli(*words, "--database", site.files.published)
        assert command == "status" or ran.status == 1, ran
        assert command == "status" or "is not a DuckDB file" in ran.err
        assert "publishes" not in ran.err
    assert site.files.published.read_text() == "number,name\n1,one\n"
    assert not site.files.work.exists()


@pytest.mark.parametrize("files", ["published", "both"])
@pytest.mark.parametrize("how", ["garbage", "cut"])
@pytest.mark.usefixtures("synced")
def test_a_damaged_published_file_is_set_aside(site: Site, files: str, how: str) -> None:
    """Whether or not the work file is there to publish from: it is kept, and a whole one takes its place."""
    spoil(site.files.published, how)
    content = site.files.published.read_bytes()
    if files == "both":
        site.files.work.unlink()
    result = site.sync()
    assert result.published and site.is_complete()
    (aside,) = site.folder.glob("u.duckdb.corrupt-*")
    assert aside.read_bytes() == content
    assert files == "published" or any(aside.name in note for note in result.notes)
    assert DuckDBFile(site.files.published).quarantined() == [aside]


def test_a_damaged_database_header_is_enough(site: Site) -> None:
    """A copy of a published file, damaged and alone: it is set aside and everything is loaded."""
    site.sync()
    spoil(site.files.published, "cut")
    for path in (site.files.work, site.files.state):
        path.unlink()
    assert site.sync().exit_status == 0
    assert site.is_complete() and list(site.folder.glob("u.duckdb.corrupt-*"))


def spoil(path: Path, how: str) -> None:
    """Damage a file."""
    size = path.stat().st_size
    if how == "deleted":
        path.unlink()
    elif how == "unreadable":
        path.chmod(0)
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        os.truncate(path, size // 2)
    else:
        with path.open("r+b") as file:
            if how == "zeroed":
                file.seek(12288)
            file.write(b"\0" * (size - 12288) if how == "zeroed" else Random(1).randbytes(min(size, 65536)))


@pytest.mark.parametrize("how", ["deleted", "garbage", "empty", "cut", "zeroed"])
@pytest.mark.usefixtures("synced")
def test_a_spoilt_work_file_is_made_again(site: Site, how: str) -> None:
    """From the published one, and the result says so; nothing known is read as new."""
    spoil(site.files.work, how)
    result = site.sync()
    assert result.exit_status == 0
    assert any("work file" in note for note in result.notes), result.notes
    assert result.tasks_changed == 0
    assert site.is_complete()


@pytest.mark.parametrize("tenth", range(0, 10, 2))
@pytest.mark.usefixtures("synced")
def test_a_block_of_the_work_file_spoilt(site: Site, tenth: int) -> None:
    """Wherever the damage lies and whenever a sync meets it: it is said, and the next result is whole."""
    size = site.files.work.stat().st_size
    with site.files.work.open("r+b") as file:
        file.seek(12288 + (size - 12288) * tenth // 10)
        file.write(Random(tenth).randbytes(4096))
    before = DuckDBFile(site.files.published).read_state()["requests_today"]["requests"]
    for _ in range(2):
        change(site)
        try:
            result = site.sync(full=True, requests_per_day=10_000)
        except WarehouseError as error:
            assert "damaged" in error.message and "again" in error.hint
            result = site.sync(full=True, requests_per_day=10_000)
        assert result.exit_status == 0
        assert site.is_complete()
    used = DuckDBFile(site.files.published).read_state()["requests_today"]["requests"] - before
    assert used == len(site.simulator.requests), "those of a load that damage broke off count, too"
    was_met = any(site.folder.glob(".*corrupt*"))
    assert not was_met or site.ask("select 1 from tasks")


@pytest.mark.usefixtures("synced")
def test_both_files_damaged_is_said(site: Site) -> None:
    """Nothing is thrown away when there is no sound file to go on from; with a sound one again, all is well."""
    sound = site.files.published.read_bytes()
    with duckdb.connect(str(site.files.work)) as connection:
        ((block,),) = connection.execute(
            "select min(block_id) from pragma_storage_info('tasks') where block_id >= 0"
        ).fetchall()
    damaged = bytearray(site.files.work.read_bytes())
    start = 12288 + block * 262144  # three headers, then the blocks
    damaged[start : start + 4096] = Random(1).randbytes(4096)
    for path in (site.files.work, site.files.published):
        path.write_bytes(damaged)
    change(site)
    error = site.refused(page_size=100)
    assert isinstance(error, WarehouseError)
    assert "backup" in error.hint
    assert site.files.published.read_bytes() == bytes(damaged)
    site.files.published.write_bytes(sound)
    assert site.sync().exit_status == 0
    assert site.is_complete()


@pytest.mark.usefixtures("synced")
def test_a_lost_work_file_does_not_take_up_its_old_log(site: Site) -> None:
    """The log of a lost work file is not replayed into the one made from the published file."""
    wal = site.files.work.with_name(site.files.work.name + ".wal")
    wal.write_bytes(b"left by a killed sync")
    site.files.work.unlink()
    assert site.sync().exit_status == 0
    assert site.is_complete()


@pytest.mark.usefixtures("synced")
def test_a_newer_version_of_ours_is_not_touched(site: Site) -> None:
    """A migration nobody here knows: refused with the remedy, in the work file and in the published one."""
    with duckdb.connect(str(site.files.work)) as connection:
        connection.execute("insert into meta.migrations values ('9999_future', now()::timestamp)")
    content = site.files.published.read_bytes()
    with pytest.raises(MigrationError, match="9999_future") as caught:
        site.sync()
    assert "pgrade" in caught.value.hint
    assert site.files.published.read_bytes() == content


@pytest.mark.parametrize("which", ["work", "published"])
@pytest.mark.usefixtures("synced")
def test_a_newer_duckdb_is_told_apart_from_damage(site: Site, which: str) -> None:
    """A storage version from the future is no corruption: nothing is set aside or loaded again."""
    path = site.files.work if which == "work" else site.files.published
    if which == "published":
        site.files.work.unlink()
    forge_version(path, 10_000)
    with pytest.raises(MigrationError):
        site.sync()
    assert list(site.folder.glob("*corrupt*")) == list(site.folder.glob("*foreign*")) == []


def forge_version(path: Path, version: int) -> None:
    """Writes another storage version into the file's header, with the checksum DuckDB expects."""
    with path.open("r+b") as file:
        header = bytearray(file.read(4096))
        header[12:20] = version.to_bytes(8, "little")  # after the checksum and the magic bytes
        checksum = 5381
        for place in range(8, len(header), 8):
            word = int.from_bytes(header[place : place + 8], "little")
            checksum ^= word * 0xBF58476D1CE4E5B9 & 0xFFFF_FFFF_FFFF_FFFF
        header[:8] = checksum.to_bytes(8, "little")
        file.seek(0)
        file.write(header)


@contextmanager
def holder(site: Site) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    code = (
        "import sys, time, datetime, pathlib; from unpod_sync.warehouse.duckdb_file import DuckDBFile\n"
        "storage = DuckDBFile(pathlib.Path(sys.argv[1]))\n"
        "with storage.lock(now=datetime.datetime(2026, 3, 1)):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(site.files.published)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def test_the_second_sync_is_told_who_holds_the_lock(site: Site) -> None:
    """Status 75 at once, without a request, naming the process; a dead holder's lock is free."""
    with holder(site) as process:
        error = site.refused()
        assert isinstance(error, LockedError)
        assert error.exit_status == 75
        assert str(process.pid) in error.message
        assert site.simulator.requests == []
    assert DuckDBFile(site.files.published).lock_holder() is None
    assert site.sync().exit_status == 0


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that takes no files")
def test_a_lock_file_that_cannot_be_created_is_no_held_lock(site: Site, run_cli: Callable[..., Ran]) -> None:
    """In a folder that takes no files (/proc), the folder is the error, with status 1."""
    error = site.refused(database=Path("/proc/u.duckdb"))
    assert not isinstance(error, LockedError)
    assert error.exit_status == 1 and "cannot write in /proc" in error.message
    ran = run_cli("rebuild", "--database", "/proc/u.duckdb")
    assert ran.status == 1 and "another sync" not in ran.err


def test_a_lock_file_without_a_holder_is_no_obstacle(site: Site) -> None:
    """What a dead process left behind does not lock anything."""
    site.folder.mkdir()
    site.files.lock.write_text("12345")
    site.files.sibling("holder.json").write_text('{"pid": 1, "host": "elsewhere", "since": "long ago"}')
    assert site.sync().exit_status == 0


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_files_are_for_their_owner_only(site: Site) -> None:
    """0600, whatever the umask says; the published file as the setting says."""
    before = os.umask(0)
    try:
        site.sync()
        modes = {p.name: oct(p.stat().st_mode & 0o777) for p in site.folder.iterdir()}
        assert set(modes.values()) == {"0o600"}, modes
        change(site)
        site.sync(published_mode="0640")
        assert site.files.published.stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)
