"""Recognises our own processes by facts that no clock changes, even without a record."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from orchestrator.errors import ClusterUnavailable

MARK = "TANDEM_NODE_OF"
"""Every process of a Ray node has this variable, but those that overwrite their environment with a
title: these are in the process session of one that has it."""
KILL_TIMEOUT_S = 5.0
SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class ProcessRecord:
    """A process that can't be confused with a later one with the same pid.

    ``place`` is this host since its last boot, together with its pid namespace; ``started`` is the
    process's start as the kernel counts it. Setting the clock changes neither.
    """

    pid: int
    place: str
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessRecord:
        """Raises ``psutil.NoSuchProcess``."""
        started = _started(pid)
        if started is None:
            raise psutil.NoSuchProcess(pid)
        return cls(pid, this_place(), started)

    def process(self) -> psutil.Process | None:
        """The process, if it still runs."""
        if self.place != this_place() or _started(self.pid) != self.started:
            return None
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            return process if process.status() != psutil.STATUS_ZOMBIE else None
        return None

    @property
    def may_lead(self) -> bool:
        """Whether the process session with this number can be the one that it led.

        The kernel reuses a pid only when no session has its number any more. So if another process
        has it, none of ours is left.
        """
        return self.place == this_place() and _started(self.pid) in (None, self.started)


def members(records: Sequence[ProcessRecord], marks: Mapping[str, str]) -> list[psutil.Process]:
    """All that runs in the process sessions that ``records`` led, or of a process that has one of
    the variables ``marks``."""
    sessions = {record.pid for record in records if record.may_lead}
    sessions |= {session for p in marked(marks) if (session := _session(p.pid)) is not None}
    sessions.discard(os.getsid(0))
    return [p for p in psutil.process_iter() if _session(p.pid) in sessions and not _is_zombie(p)]


def marked(marks: Mapping[str, str]) -> Iterator[psutil.Process]:
    """Other processes that were started with one of these variables."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            env = process.environ()
            if process.pid != os.getpid() and any(env.get(n) == v for n, v in marks.items()):
                yield process


def end_nodes(
    records: Sequence[ProcessRecord], marks: Mapping[str, str], timeout_s: float = 15.0
) -> None:
    """Ends the nodes, the head's first in ``records``, with everything they started. It uses force
    after a while, or at once if the head is gone, because the others would keep looking for it.

    Raises ``ClusterUnavailable`` with the processes that it could not end.
    """
    ended = {process.pid for process in members(records, marks)}
    if records and records[0].process():
        for process in _to_ask(records, marks):
            _signal(process, signal.SIGTERM)
        psutil.wait_procs(members(records, marks), timeout=timeout_s)
    alive = members(records, marks)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=KILL_TIMEOUT_S)
    if left := members(records, marks):
        pids = " ".join(str(process.pid) for process in left)
        raise ClusterUnavailable(
            f"Processes of Ray can't be ended and run on: {pids}. End them as the user that "
            f"started them, with kill -9 {pids}, and try again"
        )
    _remove_semaphores(ended)


def _to_ask(records: Sequence[ProcessRecord], marks: Mapping[str, str]) -> Iterator[psutil.Process]:
    """The processes to end politely: a node's first process, which ends the others, or each of the
    others if that one was killed; the head's last."""
    leaders = {record.pid: record.process() for record in reversed(records)}
    yield from (p for p in members(records, marks) if not leaders.get(_session(p.pid) or 0))
    yield from filter(None, leaders.values())


def _remove_semaphores(pids: set[int]) -> None:
    """Ray names the semaphores of its shared-memory channels by the raylet's pid, and leaves them
    there."""
    for file in SHARED_MEMORY.glob("sem.*-*"):
        found = re.fullmatch(r"sem\.(?:hdr|obj)(\d+)-\d+", file.name)
        if found and int(found[1]) in pids:
            with suppress(OSError):
                file.unlink()


@cache
def this_place() -> str:
    """This host since it was started, and the namespace of its pids: containers have their own."""
    if sys.platform == "linux":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return _said("sysctl", "-n", "kern.bootsessionuuid") or ""


def _started(pid: int) -> str | None:
    """When the process was started, by no clock that can be set; None without such a process."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        return stat.rpartition(")")[2].split()[19]  # in ticks since the host was started
    # macOS notes the time of day once, and keeps it as it is.
    return _said("ps", "-o", "lstart=", "-p", str(pid))


def _said(*command: str) -> str | None:
    env = {**os.environ, "LC_ALL": "C", "TZ": "UTC0"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)
