"""The memory and the cores that a process may use here: the least of what the host has, what its
control groups (cgroup v1 and v2, its own and those above) leave it, and its own limits.

Only the standard library: this code travels to devices that have nothing of Tandem's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
LIMIT_FILES = ("memory.max", "memory.high", "memory.limit_in_bytes")
"""The last one is that of cgroup v1. Above ``memory.high`` the kernel slows a process down until it
hardly moves."""
USAGE_FILES = ("memory.current", "memory.usage_in_bytes")
KILL_FILES = ("memory.events", "memory.oom_control")
"""Where a group's kills are counted, by cgroup v2 and v1."""
CACHE_KEYS = ("inactive_file", "active_file")
"""Copies of files, which the kernel gives up when memory is needed."""


@dataclass(frozen=True)
class Memory:
    """``available_bytes`` is what can still be used; None if the system does not say."""

    total_bytes: int | None
    available_bytes: int | None


def usable_memory(root: Path = ROOT) -> Memory:
    """For the calling process; ``root`` is the folder with ``proc`` and ``sys``."""
    total, available = _host_memory(root)
    limits = [*_rlimits(), *([] if total is None else [total])]
    room = [*_rlimits(), *([] if available is None else [available])]
    for group in _groups(root, "memory"):
        found = [n for name in LIMIT_FILES if (n := _number(group / name)) is not None]
        limits += found
        room += [max(0, limit - _used_bytes(group)) for limit in found]
    return Memory(min(limits, default=None), min(room, default=None))


def usable_cores(root: Path = ROOT) -> int:
    """Whole ones, at least 1: of a quota of 1.5 cores one is used."""
    cores = float(_cores_allowed())
    for group in _groups(root, "cpu"):
        quota = _quota(group)
        if quota is not None:
            cores = min(cores, quota)
    return max(1, int(cores))


def _cores_allowed() -> int:
    """The cores of the host on which the process may run (``taskset``, a cpuset)."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # no such call on macOS
        return os.cpu_count() or 1


def _host_memory(root: Path) -> tuple[int | None, int | None]:
    """Total and available, by the first way that works here."""
    for read in (_memory_of_proc, _memory_of_psutil):
        try:
            return read(root)
        except Exception:  # whatever it is: there is another way
            continue
    return _sysconf_bytes("SC_PHYS_PAGES"), _sysconf_bytes("SC_AVPHYS_PAGES")


def _memory_of_proc(root: Path) -> tuple[int, int]:
    rows = (line.split() for line in (root / "proc/meminfo").read_text().splitlines())
    kib = {row[0]: int(row[1]) for row in rows}
    return kib["MemTotal:"] * 1024, kib["MemAvailable:"] * 1024


def _memory_of_psutil(root: Path) -> tuple[int, int]:
    import psutil

    memory = psutil.virtual_memory()
    return memory.total, memory.available


def _sysconf_bytes(pages: str) -> int | None:
    try:
        return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # no such call, or no such name, on this system
        return None


def _rlimits() -> list[int]:
    """What ``ulimit -v`` and ``ulimit -d`` leave a process."""
    try:
        import resource
    except ImportError:  # not on Windows
        return []
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    soft = (resource.getrlimit(kind)[0] for kind in kinds)
    return [limit for limit in soft if limit != resource.RLIM_INFINITY]


# Control groups


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the process's own group and of those above it, of cgroup v1 and of v2."""
    paths = _own_paths(root, controller)
    mounts = _mounts(root, controller)
    for version, path in paths.items():
        if version not in mounts:
            continue
        mounted, at = mounts[version]
        top = root / at.lstrip("/")
        own = top / _inside(path, mounted)
        folder = own if own.is_dir() else top
        while True:
            yield folder
            if folder == top:
                break
            folder = folder.parent


def _inside(path: str, mounted: str) -> str:
    """A group's path below the group that is mounted; the latter itself where it is not below, as
    in containers that see the host's paths."""
    prefix = mounted.rstrip("/") + "/"
    if ".." in path.split("/") or not f"{path}/".startswith(prefix):
        return ""
    return path[len(prefix) :].strip("/")


def _own_paths(root: Path, controller: str) -> dict[str, str]:
    """The process's group, by "cgroup" (v1) and "cgroup2"; lines are ``4:cpu,cpuacct:/path``."""
    found = {}
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            found["cgroup2"] = path
        elif controller in controllers.split(","):
            found["cgroup"] = path
    return found


def _mounts(root: Path, controller: str) -> dict[str, tuple[str, str]]:
    """By "cgroup" and "cgroup2": the mounted group, and its place. A later mount hides an earlier
    one at the same place. See ``man 5 proc_pid_mountinfo``."""
    found = {}
    for line in _lines(root / "proc/self/mountinfo"):
        mount, _, kind = line.partition(" - ")
        fields, (version, *_, options) = mount.split(), kind.split() or [""]
        if version == "cgroup2" or (version == "cgroup" and controller in options.split(",")):
            place = fields[4].replace("\\040", " ")
            found[version] = (fields[3], place)
    return found


def _used_bytes(group: Path) -> int:
    """Without the copies of files; in cgroup v1 the entries that include child groups have other
    names."""
    used = next((n for n in (_number(group / name) for name in USAGE_FILES) if n is not None), 0)
    rows = (line.split() for line in _lines(group / "memory.stat"))
    stat = {row[0]: int(row[1]) for row in rows if len(row) == 2}
    return max(0, used - sum(stat.get(f"total_{key}", stat.get(key, 0)) for key in CACHE_KEYS))


def _quota(group: Path) -> float | None:
    """Cores' worth of time; None if there is no limit ("max", or -1 by cgroup v1)."""
    words = " ".join(_lines(group / "cpu.max")).split()
    if not words:
        files = (group / f"cpu.cfs_{name}_us" for name in ("quota", "period"))
        words = [" ".join(_lines(file)) for file in files]
    try:
        quota, period = (int(word) for word in words)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _number(file: Path) -> int | None:
    """None if there is no such file, or no limit in it ("max")."""
    text = " ".join(_lines(file))
    return int(text) if text.isdigit() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


# What the kernel has ended


def kernel_kills(root: Path = ROOT) -> tuple[int | None, int | None]:
    """How many processes the kernel has ended for want of memory so far: of the caller's control
    groups, and of the whole host; None where the system does not tell. ``root`` as in
    ``usable_memory``."""
    groups = _groups(root, "memory")
    counts = [_kill_count(group / name) for group in groups for name in KILL_FILES]
    of_groups = [count for count in counts if count is not None]
    return max(of_groups, default=None), _kill_count(root / "proc/vmstat")


def _kill_count(file: Path) -> int | None:
    """Its line ``oom_kill``; by cgroup v2 a group counts those of the groups below it, too."""
    rows = (line.split() for line in _lines(file))
    return next((int(row[1]) for row in rows if row[0] == "oom_kill"), None)
