"""Sentinel secrets, searched for in every byte written and printed, whatever goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.kit import NESTED, PRIVATE, TOKEN, Site, leaks
from unpod_sync import cli
from unpod_sync.simulator import Fault

TROUBLE: dict[str, tuple[int, Callable[[Site], list[Fault]]]] = {
    "none": (0, lambda site: []),
    "429": (1, lambda site: [Fault("429", retry_after=0)]),
    "500": (1, lambda site: [Fault("500")]),
    "reset": (1, lambda site: [Fault("reset")]),
    "truncated": (1, lambda site: [Fault("truncate")]),
    "wrong JSON": (1, lambda site: [Fault("bad_json")]),
    "HTML": (1, lambda site: [Fault("html_200")]),
    "206": (1, lambda site: [Fault("206_errors")]),
    "401": (77, lambda site: [Fault("401")]),
    "no access": (3, lambda site: [Fault("206_access", match=f"spaces/{site.spaces[0]}/tasks")]),
    "not a list": (3, lambda site: [Fault("data_not_list", match=f"spaces/{site.spaces[0]}/tasks")]),
    "poison": (3, lambda site: [Fault("poison", task_id=site.world.task_ids(site.spaces[0])[3])]),
    "another host": (1, lambda site: [Fault("redirect_host", location="http://localhost:9/")]),
}


@pytest.fixture
def environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The command's settings, in the environment as users have them."""
    told = {
        "UNPOD_API_TOKEN": TOKEN,
        "UNPOD_ORG_HANDLE": "sim-org",
        "UNPOD_BASE_URL": site.simulator.base_url,
        "UNPOD_DATABASE": str(site.files.published),
        "UNPOD_PAGE_SIZE": "5",
        "UNPOD_MAX_ATTEMPTS": "1",
        "UNPOD_TIMEOUT_SECONDS": "2",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(site.folder.parent)
    return told


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_no_secret_gets_out(
    site: Site, environment: dict[str, str], capfd: pytest.CaptureFixture[str], trouble: str, form: str
) -> None:
    """Neither into a file nor into a log, at the most verbose level; nor does what was said, or to whom."""
    if form == "text" and trouble not in ("none", "poison", "wrong JSON"):
        pytest.skip("one form of log per failure is enough")
    status, faults = TROUBLE[trouble]
    site.simulator.faults = faults(site)
    assert cli._run(["sync", "-v", "--log-format", form]) == status
    printed = "".join(capfd.readouterr())
    assert leaks(site.folder, printed) == []
    assert [text for text in PRIVATE if text in printed] == []
    assert "tasks" in printed or status in (1, 77)


def test_what_is_kept_is_kept(site: Site) -> None:
    """The search above finds what is there: contact data is stored, and a secret put in is found."""
    site.sync()
    assert site.ask("select distinct contact_number from main.tasks") == [(PRIVATE[0],)]
    assert site.ask("select count(*) from raw.payloads where contains(payload_json, '\"kept\"')")[0][0] > 0
    assert leaks(site.folder) == []
    (site.folder / "note.txt").write_text(f"the key is {NESTED}")
    assert leaks(site.folder, TOKEN) == [f"{TOKEN} in what was printed", f"{NESTED} in note.txt"]


def test_no_secret_in_the_process_list_nor_in_files_of_a_killed_sync(
    site: Site, environment: dict[str, str]
) -> None:
    """While it runs the token is in no command line; killed in the middle it leaves no secret behind."""
    site.simulator.latency_seconds = 0.2
    process = subprocess.Popen(
        [sys.executable, "-m", "unpod_sync", "sync", "-v"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 60
    while len(site.simulator.requests) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    process.kill()
    printed, _ = process.communicate()
    assert len(site.simulator.requests) >= 4
    assert not any(TOKEN.encode() in line for line in lines)
    assert leaks_of_bytes(site.folder) == []
    assert leaks(site.folder.parent / "nothing", printed) == []


def leaks_of_bytes(folder: Path) -> list[str]:
    """Secrets in the bytes of files that may be too broken to be opened."""
    return [
        f"{secret} in {path.name}"
        for path in folder.rglob("*")
        if path.is_file()
        for secret in (TOKEN, NESTED)
        if secret.encode() in path.read_bytes()
    ]
