"""Puts a process of this machine into a host that is a network namespace."""

from __future__ import annotations

import ctypes
import os

NAMESPACES = "/var/run/netns"
CLONE_NEWNET = 0x40000000  # <linux/sched.h>


def enter_namespace(name: str) -> None:
    """This thread, and those that it starts from now on, use the network of ``ip netns`` ``name``.

    Needs root. Python has its own function for this only from 3.12 on.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"{NAMESPACES}/{name}", os.O_RDONLY)
    try:
        if libc.setns(namespace, CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"network namespace {name}: {os.strerror(error)}")
    finally:
        os.close(namespace)
