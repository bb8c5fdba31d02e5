"""Memory kept for the next page instead of given back and asked for again."""

from __future__ import annotations

import contextlib
import ctypes

import pyarrow as pa

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 256 << 20
LARGEST_FROM_HEAP = 32 << 20  # bytes; glibc takes no more


def keep_memory() -> None:
    """Lets the C library keep what is freed (up to 256 MB), and Arrow use the C library.

    A load takes and frees the same megabytes hundreds of times. Left alone, both allocators hand
    them to the system and fetch them again, page fault by page fault; on virtual machines, where
    each costs 10 µs and more, that was a seventh of a first load. Elsewhere than on glibc nothing
    is done.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, LARGEST_FROM_HEAP)
        pa.set_memory_pool(pa.system_memory_pool())
