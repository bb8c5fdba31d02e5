"""unpod-sync: a DuckDB file that always holds every run, task and transcript, true to the server."""

__version__ = "0.1.0"
