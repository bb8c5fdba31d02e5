"""The mutations of `mutations.py` are still to be made: their places stand in the code."""

from __future__ import annotations

import pytest

from tests.faults.mutations import MUTATIONS, ROOT, Mutation, places


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_its_place_stands_once(mutation: Mutation) -> None:
    """Code that moved takes its mutation along, and so do tests."""
    assert places(mutation) == 1
    assert all((ROOT / path).exists() for path in mutation.tests.split())
