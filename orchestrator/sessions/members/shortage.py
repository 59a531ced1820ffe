"""Recognises that a host has no room for Ray's objects. The job is not to blame, and another host
may have room."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import ray

DISK = (
    "has no room left on the disk that Ray uses when its object store is full: free some "
    "space there (`df` shows where, Ray's folder is /tmp/ray by default)"
)
STORE = (
    "has no room left in Ray's object store: end other jobs there, or start Ray with a larger "
    "--object-store-memory"
)


def shortage(error: BaseException) -> str | None:
    """The shortage and its remedy, in words that follow a device's name; None for other errors."""
    for cause in _causes(error):
        if isinstance(cause, ray.exceptions.OutOfDiskError) or _is_full_disk(cause):
            return DISK
        if isinstance(cause, ray.exceptions.ObjectStoreFullError):
            return STORE
    return None


def _is_full_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what led to it on either side of a call."""
    seen: list[BaseException] = []
    found: list[BaseException | None] = [error]
    while found:
        cause = found.pop()
        if isinstance(cause, BaseException) and not any(cause is known for known in seen):
            seen.append(cause)
            yield cause
            found += [cause.__context__, cause.__cause__, getattr(cause, "cause", None)]
