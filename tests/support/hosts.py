"""Hosts on one machine: network namespaces with their own addresses, joined by a bridge."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.links import Link, WayOut
from tests.support.ports import WORKER
from tests.support.terminal import Terminal

START_TIMEOUT_S = 90.0


def clean_environment() -> dict[str, str]:
    """This process's variables, without any setting of Ray's or Tandem's."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "TANDEM_"))}


def why_not() -> str | None:
    """Why no such hosts can be made here; None when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"tt-probe-{uuid.uuid4().hex[:6]}"
    try:
        subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=True)
        subprocess.run(["ip", "netns", "del", probe], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no network namespace can be made: {error}"
    return None


def why_no_firewall() -> str | None:
    """Why no such host can have a firewall here; None when it can."""
    return why_not() or (None if shutil.which("nft") else "a firewall needs nftables")


@dataclass
class Service:
    """A process on a host that runs until it is stopped, and what it has said."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, words: str, timeout_s: float = START_TIMEOUT_S) -> str:
        """Its words so far, once they contain ``words``."""
        deadline = time.monotonic() + timeout_s
        while words not in (said := self.log.read_text(errors="replace")):
            assert self.process.poll() is None, f"it ended: {said}"
            assert time.monotonic() < deadline, f"no {words!r} within {timeout_s:.0f} s: {said}"
            time.sleep(0.1)
        return said

    def stop(self) -> int:
        """Ends it as Ctrl-C would, then by force with all its children."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()  # what it started goes with its host
            return self.process.wait(5)


@dataclass(frozen=True)
class Host:
    """One of the hosts; ``home`` is its own, nothing of the user's is read."""

    namespace: str
    ip: str
    home: Path

    def start(self, command: Sequence[str], env: Mapping[str, str], name: str) -> Service:
        """A service on this host; its words go to ``<home>/<name>.log``."""
        log = self.home / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._inside(command),
                env={**env, "HOME": str(self.home), "TMPDIR": "/tmp/ray"},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Service(process, log)

    def at_terminal(
        self, command: Sequence[str], env: Mapping[str, str]
    ) -> AbstractContextManager[Terminal]:
        """A command on this host that a test types into."""
        own = {**env, "HOME": str(self.home), "TMPDIR": "/tmp/ray"}
        return Terminal.running(self._inside(command), own, self.home)

    def run(
        self, command: Sequence[str], env: Mapping[str, str], timeout_s: float = 100.0
    ) -> subprocess.CompletedProcess[str]:
        """A command on this host, to its end."""
        return subprocess.run(
            self._inside(command),
            env={**env, "HOME": str(self.home), "TMPDIR": "/tmp/ray"},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    @contextmanager
    def closed(self, *ports: int | str) -> Iterator[None]:
        """Works like a firewall during the block: nobody else can connect to these ports (a range
        is ``first-last``), or to any port if none is given. This host still gets out, and open
        connections stay."""
        which = f"tcp dport {{ {', '.join(map(str, ports))} }}" if ports else ""
        rule = f'iifname "eth0" {which} tcp flags & (syn | ack) == syn drop'
        chain = f"chain in {{ type filter hook input priority 0; {rule}; }}"
        self._nft(f"table inet firewall {{ {chain}; }}")
        try:
            yield
        finally:
            self._nft("delete table inet firewall")

    def _nft(self, rules: str) -> None:
        command = ["ip", "netns", "exec", self.namespace, "nft", rules]
        subprocess.run(command, check=True, capture_output=True)

    def _inside(self, command: Sequence[str]) -> list[str]:
        # Ray keeps a node's address in its temporary folder, which two hosts don't share.
        own_folder = 'mount --bind "$HOME/ray" /tmp/ray && exec "$@"'
        private = ["unshare", "--mount", "sh", "-c", own_folder, "sh"]
        return ["ip", "netns", "exec", self.namespace, *private, *command]


@dataclass
class Network:
    """A bridge and its hosts, each with one interface ``eth0``; their addresses are none of another
    worker's."""

    folder: Path
    name: str = field(default_factory=lambda: f"tt{uuid.uuid4().hex[:6]}")
    prefix: str = field(default_factory=lambda: f"10.{77 + WORKER}.{random.randrange(256)}")
    hosts: list[Host] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ip("link", "add", self.name, "type", "bridge")
        self._ip("addr", "add", f"{self.prefix}.254/24", "dev", self.name)
        self._ip("link", "set", self.name, "up")

    def add_host(self) -> Host:
        """The next host, which reaches every other one."""
        number = len(self.hosts) + 1
        host = Host(
            f"{self.name}-{number}", f"{self.prefix}.{number}", self.folder / f"host-{number}"
        )
        (host.home / "ray").mkdir(parents=True)
        Path("/tmp/ray").mkdir(exist_ok=True)
        self._ip("netns", "add", host.namespace)
        self.hosts.append(host)
        outside = self._outside(number)
        pair = ("eth0", "netns", host.namespace)
        self._ip("link", "add", outside, "type", "veth", "peer", "name", *pair)
        self._ip("link", "set", outside, "master", self.name, "up")
        inside = ("-n", host.namespace)
        self._ip(*inside, "addr", "add", f"{host.ip}/24", "dev", "eth0")
        self._ip(*inside, "link", "set", "lo", "up")
        self._ip(*inside, "link", "set", "eth0", "up")
        # Ray finds a host's own address by its way to the internet, which need not exist.
        self._ip(*inside, "route", "add", "default", "via", f"{self.prefix}.254")
        return host

    @contextmanager
    def shaped(self, link: Link) -> Iterator[None]:
        """During the block, every host's way out is like ``link``; raises ``LinkUnavailable``."""
        with ExitStack() as ways:
            for number, host in enumerate(self.hosts, start=1):
                way = WayOut(host.namespace, self._outside(number), self.name)
                ways.enter_context(way.shaped(link))
            yield

    def cut(self, one: Host, other: Host) -> None:
        """Works as if the cable between these two were pulled out: no frame arrives, none is
        refused, and each still reaches everybody else."""
        for here, there in ((one, other), (other, one)):
            nowhere = ("lladdr", "02:00:00:00:00:00", "dev", "eth0", "nud", "permanent")
            self._ip("-n", here.namespace, "neigh", "replace", there.ip, *nowhere)

    def mend(self, one: Host, other: Host) -> None:
        """Takes ``cut`` back."""
        for here, there in ((one, other), (other, one)):
            self._ip("-n", here.namespace, "neigh", "del", there.ip, "dev", "eth0")

    def remove(self) -> None:
        """Removes it, with everything that still runs there."""
        for host in self.hosts:
            listed = subprocess.run(
                ["ip", "netns", "pids", host.namespace], capture_output=True, text=True, check=False
            )
            for pid in map(int, listed.stdout.split()):
                os.kill(pid, signal.SIGKILL)
            self._ip("netns", "del", host.namespace)
        self._ip("link", "del", self.name)

    def _outside(self, number: int) -> str:
        return f"{self.name}v{number}"

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)
