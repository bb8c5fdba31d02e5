"""Records become Arrow tables, column by column; no value costs its row."""

from unpod_sync.transform.flatten import flatten

__all__ = ["flatten"]
