"""The warehouse: tables, batches, files."""
