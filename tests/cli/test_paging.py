"""Results on a terminal: numbers are rounded, and what is longer than the terminal goes through the pager."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from unpod_sync.formatting import decimals

ROOT = Path(__file__).parents[2]
LONG = "select i / 3 as share, i * 1234.5678::double as amount from range(1, 31) t(i)"


def shown(warehouse_file: Path, home: Path, *arguments: str) -> list[str]:
    """The lines that a terminal of 24 rows shows; the pager marks those that it was given."""
    pexpect = pytest.importorskip("pexpect")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "xterm",
        "UNPOD_DATABASE": str(warehouse_file), "UNPOD_TIMEZONE": "Asia/Kolkata", "PAGER": "sed s/^/paged:/",
    }  # fmt: skip
    terminal = pexpect.spawn(
        sys.executable, ["-m", "unpod_sync", *arguments], env=environment, encoding="utf-8", timeout=60,
        dimensions=(24, 100),
    )  # fmt: skip
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0, terminal.before
    return terminal.before.splitlines()


def test_a_long_table_is_paged_and_rounded(warehouse_file: Path, tmp_path: Path) -> None:
    lines = shown(warehouse_file, tmp_path, "query", LONG)
    assert [line.startswith("paged:") for line in lines] == [True] * 32 + [False]
    assert [line.split() for line in lines[:4:3]] == [
        ["paged:share", "amount"],
        ["paged:0.667", "2469.14"],
    ]
    assert lines[-1] == "(30 rows)"


def test_a_long_search_is_paged(warehouse_file: Path, tmp_path: Path) -> None:
    lines = shown(warehouse_file, tmp_path, "search", "speaking", "--limit", "20")
    assert lines[0].startswith("paged:") and " (space-agent-" in lines[0]


@pytest.mark.parametrize("arguments", [(LONG, "--json"), (f"{LONG} limit 3",)], ids=["json", "short"])
def test_nothing_else_is_paged(warehouse_file: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """JSON is for programs and has all digits; a short table fits."""
    lines = shown(warehouse_file, tmp_path, "query", *arguments)
    assert not any("paged:" in line for line in lines)
    assert any("0.3333333333333333" in line for line in lines) is ("--json" in arguments)


@pytest.mark.parametrize(
    ("number", "rounded"),
    [
        (73.21739, 73.22), (-1234567.891, -1234567.89), (76.0, 76.0), (0.583333, 0.583), (0.00012345, 0.000123),
        (0.99961, 0.99961), (1e300, 1e300), (0.0, 0.0), (float("inf"), float("inf")),
    ],
)  # fmt: skip
def test_numbers_for_people(number: float, rounded: float) -> None:
    """Two decimals, three digits below 1; a share of nearly all is not shown as all."""
    assert decimals(number) == rounded
