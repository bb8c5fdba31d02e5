"""Which ids are certainly new, in few bytes: a Bloom filter.

A long first load asks of every new id whether it is stored. Asking the table costs a scan that grows
with what is stored; asking this costs the same always.
"""

from __future__ import annotations

from collections.abc import Iterable

BITS_EACH = 32  # of a full filter; with six probes one new id in 40,000 seems known
PROBES = 6


class BloomFilter:
    """A set of texts that never forgets one, and rarely takes a new one for an old one.

    False positives follow (1 - exp(-PROBES * n / bits)) ** PROBES for n texts (Bloom, 1970); the probes
    are those of Kirsch and Mitzenmacher (2006), two halves of one hash.
    """

    def __init__(self, capacity: int) -> None:
        """Made for so many texts; with more of them it is wrong more often."""
        bits = 1 << max(12, (capacity * BITS_EACH - 1).bit_length())
        self._mask = bits - 1
        self._bytes = bytearray(bits >> 3)

    def add(self, text: str) -> bool:
        """Adds a text; whether it may have been there before."""
        digest = hash(text)
        place, step = digest, (digest >> 32) | 1
        mask, held = self._mask, self._bytes
        known = True
        for _ in range(PROBES):
            bit = place & mask
            flag = 1 << (bit & 7)
            if not held[bit >> 3] & flag:
                known = False
                held[bit >> 3] |= flag
            place += step
        return known

    def update(self, texts: Iterable[str]) -> None:
        """Adds several."""
        for text in texts:
            self.add(text)
