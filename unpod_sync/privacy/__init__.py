"""Forgotten contacts, redacted fields and the age of transcripts.

`ingest_filter` applies them to every task that comes in; `backfill` and `erase` change what is
stored already; `keyfile` holds the secret key that makes hashes unguessable.
"""
