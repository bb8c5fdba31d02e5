"""What users rely on stays as it is while the code moves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.frozen import GOLDEN, dumped, everything


@pytest.fixture(scope="module")
def now() -> dict[str, Any]:
    """All agreements as this code keeps them."""
    return everything()


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.txt")))
def test_an_agreement_is_kept(name: str, now: dict[str, Any]) -> None:
    """The same commands, keys, columns, values and files as when the agreement was written down."""
    assert dumped(now[name]) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_agreement_is_written_down(now: dict[str, Any]) -> None:
    """No agreement is left out of the comparison."""
    assert now.keys() == {path.stem for path in GOLDEN.glob("*.txt")}
