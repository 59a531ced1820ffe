"""``python -m tests.support.gloo_neighbour``: a process with the sending end of a channel by gloo.

It prints its introduction, reads the other end's, says that it is connected, and sends nothing.
Both are pickled and written in hexadecimal digits, a line each.
"""

from __future__ import annotations

import pickle
import signal
import sys

from actors.channels.gloo_group import GlooGroup

OPEN_TIMEOUT_S = 30.0


def main() -> None:
    group = GlooGroup(0, "127.0.0.1", "0 -> 1", OPEN_TIMEOUT_S)
    print(pickle.dumps(group.introduction()).hex(), flush=True)
    group.meet(pickle.loads(bytes.fromhex(sys.stdin.readline())))
    group.ready()
    print("connected", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
