"""The warehouse: tables, batches, and the storage behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unpod_sync.warehouse.duckdb_file import DuckDBFile

if TYPE_CHECKING:
    from unpod_sync.config import Settings
    from unpod_sync.warehouse.storage import Storage

__all__ = ["open_storage"]


def open_storage(settings: Settings) -> Storage:
    """The storage that the settings name; nothing is opened or created yet."""
    return DuckDBFile(
        settings.database,
        memory_limit=settings.memory_limit,
        mode=int(settings.published_mode, 8),
        views_folder=settings.views_folder,
    )
