"""Explains that a process ran out of memory, from the messages of Ray's memory monitor and of
PyTorch. Pure."""

from __future__ import annotations

import re

from actors.core.units import size_text

USUAL_SHARE = 0.9
"""Ray ends processes at 95 % by default; a threshold below this is one that was set."""
NUM_USERS = 3
REMEDY = (
    "end other programs there, use smaller batches or more microbatches, more devices, or less of "
    "this one (devices.<id>.max_memory_bytes)"
)
_KILL = re.compile(
    r"Memory on the node \(IP: (?P<ip>[^,]+),.*?"
    r"Memory usage (?P<used>\d+)B exceeded threshold of (?P<threshold>\d+)B "
    r"\([\d.]+% of (?P<limit>\d+)B limit\)",
    re.DOTALL,
)
_FULL = re.compile(
    r"Node memory usage above threshold, used: (?P<used>\d+), "
    r"threshold_bytes: (?P<threshold>\d+), total bytes: (?P<limit>\d+)"
)
_USER = re.compile(r"^(?P<pid>\d+)\t(?P<gb>[\d.]+)\t(?P<command>.+)$", re.MULTILINE)
_REFUSED = re.compile(r"you tried to allocate (\d+) bytes|Tried to allocate ([\d.]+ \w+)")


def shortage(words: str) -> str | None:
    """Why Ray ended a process, to follow the name of what ended; None if memory was not the reason.
    ``words`` come from its error or its log."""
    found = _KILL.search(words)
    if found is None:
        return None
    users = [_user_text(user) for user in _USER.finditer(words[found.end() :])][:NUM_USERS]
    most = f", most of it by {', '.join(users)}" if users else ""
    where = f"its host {found['ip']}"
    return f"ran out of memory: {_use_text(found, where)}{most}"


def pressure(log: str) -> str | None:
    """The last entry of a raylet's log about a host so full that Ray ends processes there."""
    found = list(_FULL.finditer(log))
    return _use_text(found[-1], "its host") if found else None


def _use_text(found: re.Match[str], host: str) -> str:
    used, threshold, limit = (int(found[name]) for name in ("used", "threshold", "limit"))
    text = f"{size_text(used)} of {size_text(limit)} were in use on {host}"
    if threshold >= USUAL_SHARE * limit:
        return text
    return (
        f"{text}, where Ray ends processes at {threshold / limit:.0%} (RAY_memory_usage_threshold)"
    )


def refused(words: str) -> str | None:
    """The same for an error in which PyTorch or Python was refused memory."""
    found = _REFUSED.search(words)
    if found is not None:
        size = size_text(int(found[1])) if found[1] else found[2]
        return f"ran out of memory: PyTorch was refused {size}"
    is_python = "MemoryError" in words or "Cannot allocate memory" in words
    return "ran out of memory: Python was refused more" if is_python else None


def last_kill(log: str, class_name: str) -> str | None:
    """The part of a raylet's log about the last time that its monitor ended an actor of this
    class."""
    ended = re.compile(rf"Selected to kill: \(Actor\(.*?task name=[^,]*\b{class_name}\.__init__")
    at = max((found.start() for found in ended.finditer(log)), default=-1)
    begin = log.rfind("kill details: ", 0, max(at, 0))
    if at < 0 or begin < 0:
        return None
    end = log.find("suggestions: ", at)
    return log[begin : end if end >= 0 else len(log)]


def _user_text(user: re.Match[str]) -> str:
    """The program's name, without its folder and its arguments."""
    command = user["command"]
    name = command if command.startswith("ray::") else command.split()[0].rpartition("/")[2]
    return f"{name} (process {user['pid']}, {float(user['gb']):.2f} GB)"
