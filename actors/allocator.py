"""What the C library's allocator does with the memory that a step gives back."""

from __future__ import annotations

import ctypes
import platform

LARGEST_KEPT_BYTES = 32 * 2**20
"""Of one tensor; glibc allows no more."""
MOST_KEPT_BYTES = 256 * 2**20
"""By the main thread; another one keeps all of its heaps."""
HEAP_BYTES = 64 * 2**20
"""Of one heap of a thread's. Heaps are taken whole, or glibc gives each back when it is empty; a
page that was never written to takes no memory."""
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
