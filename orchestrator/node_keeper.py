"""Keeps a Ray node on this device: starts it, and starts it again when Ray has given it up."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from actors.core.errors import error_text
from orchestrator.embedded_nodes import spawn_ray_start, wait_until_started
from orchestrator.errors import ClusterUnavailable
from orchestrator.own_processes import MARK, ProcessRecord, end_nodes
from orchestrator.ray_connection import check_reachable
from orchestrator.ray_start import NodePorts, explain_end

FIRST_RETRY_S = 2.0
LAST_RETRY_S = 30.0


@dataclass
class NodeKeeper:
    """One Ray node; ``head`` is the host:port to join, None for the head itself. ``ports`` are
    those of ``arguments``; ``say`` is told what happens, a sentence each."""

    arguments: Sequence[str]
    ports: NodePorts
    env: Mapping[str, str]
    log: Path
    say: Callable[[str], None]
    head: str | None = None
    _marks: Mapping[str, str] = field(default_factory=lambda: {MARK: token_hex()}, init=False)
    _records: list[ProcessRecord] = field(default_factory=list, init=False)

    def keep(self, started: Callable[[], None]) -> None:
        """Runs until it is interrupted; ``started`` is called once, when the node is up.

        Raises ``ClusterUnavailable`` when the first start fails. Later ones are tried again: a
        laptop that slept is given up by Ray, and comes back under the same port. ``end`` has to
        follow, however this is left.
        """
        lived_s = self._live(started)
        while True:
            self.say(explain_end(lived_s, self._head_ip(), self.ports))
            lived_s = self._live_again()

    def _live(self, started: Callable[[], None]) -> float:
        """For how many seconds the node was up."""
        try:
            process = self._start()
            began = time.monotonic()
            started()
            process.wait()
            return time.monotonic() - began
        finally:
            self.end()

    def _live_again(self) -> float:
        delay_s = FIRST_RETRY_S
        while True:
            try:
                if self.head is not None:
                    check_reachable(self.head)
                return self._live(lambda: self.say("This device is back."))
            except ClusterUnavailable as error:
                self.say(f"{error.message}. Trying again in {delay_s:.0f} s.")
            time.sleep(delay_s)
            delay_s = min(2 * delay_s, LAST_RETRY_S)

    def _head_ip(self) -> str | None:
        if self.head is None:
            return None
        host = self.head.rpartition(":")[0]
        try:
            return socket.gethostbyname(host)
        except OSError:  # the name server may be what is gone
            return host

    def _start(self) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        process = spawn_ray_start(self.arguments, {**self.env, **self._marks}, self.log)
        self._records = [ProcessRecord.of(process.pid)]
        wait_until_started(process, self.log)
        return process

    def end(self) -> None:
        """Ends the node's processes, if there are any; raises ``ClusterUnavailable``."""
        end_nodes(self._records, self._marks)


def why_taken(port: int) -> str | None:
    """Why nothing could listen at this port of this host; None where it is free."""
    with socket.socket() as probe:
        # Connections of a node that has just left linger; only a listener is in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
            probe.listen()
        except OSError as error:
            return error.strerror or error_text(error)
    return None
