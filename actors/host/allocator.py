"""Makes the C library's allocator keep the memory that a step frees."""

from __future__ import annotations

import ctypes
import platform

LARGEST_KEPT_BYTES = 32 * 2**20
"""The largest tensor that is kept; glibc allows no more."""
MOST_KEPT_BYTES = 256 * 2**20
"""The most that the main thread keeps; any other thread keeps all of its heaps."""
HEAP_BYTES = 64 * 2**20
"""The size of a thread's heap. Heaps are taken whole, otherwise glibc gives each one back when it
is empty. A page that was never written to takes no memory."""
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h


def keep_freed_memory() -> bool:
    """Has this process keep memory that it frees for what it asks for next; False where the C
    library is not glibc.

    By default glibc gives it back to the system and takes it again page by page, which costs each
    step thousands of page faults (``docs/decisions/0021-freed-memory.md``).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    wanted = {
        _M_MMAP_THRESHOLD: LARGEST_KEPT_BYTES,
        _M_TRIM_THRESHOLD: MOST_KEPT_BYTES,
        _M_TOP_PAD: HEAP_BYTES,
    }
    return all(mallopt(name, value) == 1 for name, value in wanted.items())
