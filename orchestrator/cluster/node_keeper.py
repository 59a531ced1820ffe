"""Keeps a Ray node on this device: starts it, and starts it again when Ray has given it up."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir

from actors.core.addresses import parse_host_port
from actors.core.errors import error_text
from orchestrator.cluster.embedded_nodes import spawn_ray_start, wait_until_started
from orchestrator.cluster.own_processes import MARK, ProcessRecord, end_nodes
from orchestrator.cluster.ray_start import NodePorts, explain_end
from orchestrator.connection.ray_connection import check_reachable
from orchestrator.errors import ClusterUnavailable, InvalidRequest

FIRST_RETRY_S = 2.0
LAST_RETRY_S = 30.0
LOOK_S = 3.0
LEFT = "This host no longer has its Ray node's address: the node starts again at another one."


@dataclass
class NodeKeeper:
    """One Ray node; ``head`` is the host:port to join, None for the head itself. ``arguments`` is
    called at each start, because the host's address may have changed; ``ports`` are the node's.
    ``say`` gets one sentence for each event. ``has_left`` says whether the host has lost the node's
    address and has another one."""

    arguments: Callable[[], Sequence[str]]
    ports: NodePorts
    env: Mapping[str, str]
    log: Path
    say: Callable[[str], None]
    has_left: Callable[[], bool]
    head: str | None = None
    _marks: Mapping[str, str] = field(default_factory=lambda: {MARK: token_hex()}, init=False)
    _temp: Path = field(
        default_factory=lambda: Path(gettempdir()) / f"tandem-{token_hex(4)}", init=False
    )
    _left: bool = field(default=False, init=False)
    _records: list[ProcessRecord] = field(default_factory=list, init=False)

    def keep(self, started: Callable[[], None], back: Callable[[], None]) -> None:
        """Runs until it is interrupted. It calls ``started`` once, when the node is up, and
        ``back`` each time that it is up again.

        Raises ``ClusterUnavailable`` if the first start fails. It tries later starts again: Ray
        gives up a laptop that slept, and the laptop comes back under the same port. ``end`` has to
        follow, however this returns.
        """
        lived_s = self._live(started)
        while True:
            text = explain_end(lived_s, self._head_ip(), self.ports)
            self.say(LEFT if self._left else text)
            lived_s = self._live_again(back)

    def _live(self, started: Callable[[], None]) -> float:
        """For how many seconds the node was up."""
        try:
            process = self._start()
            began = time.monotonic()
            started()
            self._wait_for_end(process)
            return time.monotonic() - began
        finally:
            self.end()

    def _wait_for_end(self, process: subprocess.Popen[bytes]) -> None:
        """Waits until the node ends or the host loses its address; Ray itself takes minutes to
        notice the latter."""
        self._left = False
        while not self._left:
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_S)
                return
            self._left = self.has_left()

    def _live_again(self, back: Callable[[], None]) -> float:
        delay_s = FIRST_RETRY_S
        while True:
            try:
                if self.head is not None:
                    check_reachable(self.head)
                return self._live(back)
            except (ClusterUnavailable, InvalidRequest) as error:
                self.say(f"{error.message}. Trying again in {delay_s:.0f} s.")
            except Exception as error:  # a full disk, say: whatever it is may be over by then
                told = f"{type(error).__name__}: {error}"
                self.say(f"Unexpected: {told}. Trying again in {delay_s:.0f} s.")
            time.sleep(delay_s)
            delay_s = min(2 * delay_s, LAST_RETRY_S)

    def _head_ip(self) -> str | None:
        if self.head is None:
            return None
        host = parse_host_port(self.head).host
        try:
            (*_, target), *_ = socket.getaddrinfo(host, None)
            return str(target[0])
        except OSError:  # the name server may be what is gone
            return host

    def _start(self) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._temp.mkdir(0o700)  # what its processes leave goes with that
        env = {**self.env, **self._marks, "TMPDIR": str(self._temp)}
        process = spawn_ray_start(self.arguments(), env, self.log)
        self._records = [ProcessRecord.of(process.pid)]
        wait_until_started(process, self.log)
        return process

    def end(self) -> None:
        """Ends the node's processes, if there are any; raises ``ClusterUnavailable``."""
        end_nodes(self._records, self._marks)
        shutil.rmtree(self._temp, ignore_errors=True)


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
