"""docs/architecture.md names modules that exist, and all packages."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_layers import MAY_IMPORT

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_modules_it_names_exist() -> None:
    """A module that moved moves on this page, too."""
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py|(?:[a-z_]+/)+)`", PAGE)
    assert len(named) > 20
    for name in named:
        assert (ROOT / "unpod_sync" / name).exists() or (ROOT / name).exists(), name


def test_every_package_has_its_place_on_the_page() -> None:
    """A new package is drawn."""
    assert all(re.search(rf"\b{package}\b", PAGE) for package in MAY_IMPORT)


def test_the_documents_it_relies_on_exist() -> None:
    """Code that cites a page cites one of this repository."""
    for path in (ROOT / "unpod_sync").rglob("*.py"):
        for page in re.findall(r"docs/[a-z-]+\.md|sql/README\.md", path.read_text(encoding="utf-8")):
            assert (ROOT / page).is_file(), f"{path.name} cites {page}"
