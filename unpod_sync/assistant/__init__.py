"""The published file for AI assistants: read-only, contacts masked, text from calls marked as data."""
