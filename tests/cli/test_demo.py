"""The demo: repeatable, and apart from everything of the user's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest


def test_a_demo_syncs_twice_and_may_be_repeated(
    run_cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"API_TOKEN": "my-own", "BASE_URL": "https://unpod.ai", "SPACES": "MINE"}.items():
        monkeypatch.setenv(f"UNPOD_{name}", value)
    (tmp_path / "unpod-sync.toml").write_text("this is no TOML")
    for _ in range(2):
        ran = run_cli("demo", "--tasks", "80", "--json")
        assert ran.status == 0, ran.err
        told = json.loads(ran.out)
        assert told["first_sync"]["tasks_changed"] == 80
        assert told["second_sync"]["tasks_changed"] > 0
        assert "my-own" not in ran.out + ran.err
    with duckdb.connect("data/demo.duckdb", read_only=True) as connection:
        assert connection.execute("select count(*) >= 80 from main.tasks").fetchone() == (True,)
        assert connection.execute("select count(*) from meta.loads").fetchone() == (2,)


def test_a_demo_shows_the_report_and_what_to_do_next(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    ran = run_cli("demo", "--tasks", "80", "--database", tmp_path / "my demo.duckdb")
    assert ran.status == 0, ran.err
    assert "Completed" in ran.out
    assert "unpod-sync init" in ran.err
    assert f"--database '{tmp_path}/my demo.duckdb'" in ran.err
    assert "\x1b" not in ran.err


def test_a_file_that_no_demo_made_is_left_alone(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "mine.duckdb"
    path.write_bytes(b"precious")
    ran = run_cli("demo", "--database", path)
    assert ran.status == 1
    assert "no demo made it" in ran.err
    assert path.read_bytes() == b"precious"
