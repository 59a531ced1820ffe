"""Properties of a host's way out to the others: rate, delay and loss."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.frame_delay import READY

ROOT = Path(__file__).resolve().parents[2]
LOST_OF = 100_000
# Frames to a host are not delayed: those that the bridge gave to the TAP device would circulate for
# ever.
NO_WAY_BACK = ("learning", "flood", "mcast_flood", "bcast_flood")


@dataclass(frozen=True)
class Link:
    """A host's way out; None leaves a property as it is."""

    mbit_per_s: int | None = None
    delay_ms: float | None = None
    loss_percent: float | None = None

    def __str__(self) -> str:
        parts = [
            f"{self.mbit_per_s} Mbit/s" if self.mbit_per_s else "",
            f"{self.delay_ms} ms" if self.delay_ms else "",
            f"{self.loss_percent} % loss" if self.loss_percent else "",
        ]
        return ", ".join(filter(None, parts)) or "as it is"


class LinkUnavailable(RuntimeError):
    """This kernel can't make such a link; the text says what is missing."""


@dataclass(frozen=True)
class WayOut:
    """A host's ``eth0``, and its other end ``outside``, a port of ``bridge``."""

    namespace: str
    outside: str
    bridge: str

    @contextmanager
    def shaped(self, link: Link) -> Iterator[None]:
        """During the block it is like ``link``; raises ``LinkUnavailable``."""
        with ExitStack() as undo:
            if link.delay_ms is None or not self._has_netem(link, undo):
                self._limit_rate(link, undo)
                self._hold_frames(link, undo)
            self._lose(link, undo)
            yield

    def _has_netem(self, link: Link, undo: ExitStack) -> bool:
        """Delay, and rate if any, by the kernel; False where it can't."""
        rate = ["rate", f"{link.mbit_per_s}mbit"] if link.mbit_per_s else []
        netem = [*self._qdisc("add"), "netem", "delay", f"{link.delay_ms}ms", *rate]
        if _complaint(netem):
            return False
        undo.callback(_undo, *self._qdisc("del"))
        return True

    def _limit_rate(self, link: Link, undo: ExitStack) -> None:
        if link.mbit_per_s:
            bucket = ["burst", "256kb", "latency", "50ms"]
            _run(*self._qdisc("add"), "tbf", "rate", f"{link.mbit_per_s}mbit", *bucket)
            undo.callback(_undo, *self._qdisc("del"))

    def _hold_frames(self, link: Link, undo: ExitStack) -> None:
        """Leads what comes out of the host over a TAP device, whose process delays it."""
        if not link.delay_ms:
            return
        tap = f"{self.outside}d"
        _start_tap(tap, link.delay_ms, undo)
        _run("ip", "link", "set", tap, "txqueuelen", "10000", "master", self.bridge)
        for what in NO_WAY_BACK:
            _run("ip", "link", "set", tap, "type", "bridge_slave", what, "off")
        _run("ip", "link", "set", tap, "up")
        _run("tc", "qdisc", "add", "dev", self.outside, "ingress")
        undo.callback(_undo, "tc", "qdisc", "del", "dev", self.outside, "ingress")
        everything = ["parent", "ffff:", "protocol", "all", "u32", "match", "u32", "0", "0"]
        redirect = ["action", "mirred", "egress", "redirect", "dev", tap]
        _run("tc", "filter", "add", "dev", self.outside, *everything, *redirect)

    def _lose(self, link: Link, undo: ExitStack) -> None:
        if link.loss_percent:
            chain = "{ type filter hook output priority 0; }"
            lost = str(round(link.loss_percent * LOST_OF / 100))
            drop = ["numgen", "random", "mod", str(LOST_OF), "<", lost, "drop"]
            _run(*self._inside("nft", "add", "table", "inet", "loss"))
            undo.callback(_undo, *self._inside("nft", "delete", "table", "inet", "loss"))
            _run(*self._inside("nft", "add", "chain", "inet", "loss", "out", chain))
            _run(*self._inside("nft", "add", "rule", "inet", "loss", "out", "oif", "eth0", *drop))

    def _qdisc(self, verb: str) -> list[str]:
        return self._inside("tc", "qdisc", verb, "dev", "eth0", "root")

    def _inside(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.namespace, *command]


def _start_tap(name: str, delay_ms: float, undo: ExitStack) -> None:
    command = [sys.executable, "-m", "tests.support.frame_delay", name, str(delay_ms)]
    process = undo.enter_context(
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    )
    undo.callback(process.kill)
    said = process.stdout.readline() if process.stdout else b""
    if READY.encode() not in said:
        why = (said + process.communicate()[0]).decode().splitlines()
        raise LinkUnavailable(f"a TAP device that delays: {why[-1]}")


def _run(*command: str) -> None:
    if error := _complaint(command):
        raise LinkUnavailable(f"{' '.join(command)}: {error}")


def _undo(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _complaint(command: list[str] | tuple[str, ...]) -> str:
    """The command's complaint; empty if it worked."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else ""
