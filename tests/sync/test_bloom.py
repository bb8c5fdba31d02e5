"""The filter of ids: nothing added is ever denied, and nearly nothing else is affirmed."""

from __future__ import annotations

from uuid import uuid4

from unpod_sync.sync.bloom import BloomFilter


def test_nothing_added_is_denied() -> None:
    met = BloomFilter(100)
    texts = [str(uuid4()) for _ in range(1_000)]  # ten times what it was made for
    met.update(texts)
    assert all(met.add(text) for text in texts)


def test_new_ids_are_new() -> None:
    met = BloomFilter(20_000)
    mistaken = sum(met.add(f"T{uuid4()}") for _ in range(20_000))
    assert mistaken <= 5  # at most one in 40,000 is expected even of the last
