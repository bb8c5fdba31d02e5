"""The marker of the tests that fetch old readers: they run when asked for with `-m readers`."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "readers: installs old DuckDB wheels; run with -m readers")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves them out of a run that does not name them."""
    if "readers" in (config.getoption("markexpr") or ""):
        return
    asked = [item for item in items if not item.get_closest_marker("readers")]
    config.hook.pytest_deselected(items=[item for item in items if item not in asked])
    items[:] = asked
