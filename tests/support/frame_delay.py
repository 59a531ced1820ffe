"""Holds Ethernet frames for a while, where the kernel has no ``netem``.

``python -m tests.support.frame_delay NAME DELAY_MS`` makes a TAP device ``NAME``, says so, and
gives back to it each frame it gets there, later. The device goes with the process.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import time
from collections import deque
from select import select

# <linux/if_tun.h>
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 1, 2, 4
MAX_FRAME_BYTES = 66_000  # 64 KiB with the headers
READY = "holds frames"


def open_tap(name: str) -> int:
    """A new TAP device's file. Segments come and go as large as TCP makes them, 64 KB and more,
    unlike frames on a cable: that spares a thousandfold of the work."""
    tap = os.open("/dev/net/tun", os.O_RDWR)
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    fcntl.ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
    return tap


def hold_frames(tap: int, delay_s: float) -> None:
    """Until it is ended."""
    held: deque[tuple[float, bytes]] = deque()  # the same delay for all: the first is due first
    while True:
        wait_s = max(0.0, held[0][0] - time.monotonic()) if held else None
        if select([tap], [], [], wait_s)[0]:
            frame = os.read(tap, MAX_FRAME_BYTES)
            held.append((time.monotonic() + delay_s, frame))
        while held and held[0][0] <= time.monotonic():
            os.write(tap, held.popleft()[1])


def main() -> None:
    name, delay_ms = sys.argv[1:]
    tap = open_tap(name)
    os.nice(-20)  # a cable needs no share of the hosts' cores
    print(READY, flush=True)
    hold_frames(tap, float(delay_ms) / 1e3)


if __name__ == "__main__":
    main()
