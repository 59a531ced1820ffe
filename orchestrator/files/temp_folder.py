"""Chooses the folder of Ray's sockets and logs: a short, writable path."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import InvalidRequest
from orchestrator.files.storage_folder import why_not_writable

MAX_SOCKET_BYTES = 103 if sys.platform == "darwin" else 107
LONGEST_SOCKET = "/session_2026-11-30_05-51-19_710740_1234567/sockets/plasma_store"
MAX_FOLDER_BYTES = MAX_SOCKET_BYTES - len(LONGEST_SOCKET)
VARIABLES = ("RAY_TMPDIR", "TMPDIR")  # as Ray asks for them
USUAL = (Path("/tmp"), Path("/var/tmp"))


@dataclass(frozen=True)
class Candidate:
    """A folder that could be used; ``variable`` is the user's variable that asks for it, if there
    is one."""

    path: Path
    variable: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.variable is None else f"{self.path} (of {self.variable})"


@dataclass(frozen=True)
class TempFolder:
    """The folder, and why the preferred ones can't be used."""

    path: Path
    refused: Sequence[str] = ()

    @property
    def note(self) -> str | None:
        """A note for the user; empty if this is the folder that was wanted."""
        if not self.refused:
            return None
        return f"Note: Ray keeps its files in {self.path}, for {'; '.join(self.refused)}."


def folder_for_node(environ: Mapping[str, str]) -> TempFolder:
    """The folder for a node of a cluster of several hosts: the user's variables decide, if Ray can
    use it.

    Raises ``InvalidRequest`` if there is no folder for it.
    """
    wanted = [Candidate(base / "ray", name) for name, base in _wanted(environ).items()]
    usual = [Candidate(base / "ray") for base in USUAL]
    own = [Candidate(base / f"ray-{os.getuid()}") for base in USUAL]  # another user's are there
    return choose([*wanted, *usual, *own], why_not_writable)


def folder_for_cluster(environ: Mapping[str, str], name: str) -> TempFolder:
    """The folder for an embedded cluster: a new one called ``name``. Raises ``InvalidRequest`` if
    there is no place for it."""
    usual = [Candidate(base / name) for base in USUAL]
    wanted = [Candidate(base / name, variable) for variable, base in _wanted(environ).items()]
    return choose([*usual, *wanted], lambda folder: why_not_writable(folder.parent))


def choose(candidates: Sequence[Candidate], why_not: Callable[[Path], str | None]) -> TempFolder:
    """The first that is short enough and that nothing speaks against; raises ``InvalidRequest``."""
    refused: list[str] = []
    for candidate in candidates:
        length = len(os.fsencode(candidate.path))
        if length > MAX_FOLDER_BYTES:
            reason = f"is too long for its sockets ({length} bytes, at most {MAX_FOLDER_BYTES})"
        elif error := why_not(candidate.path):
            reason = f"can't be written ({error})"
        else:
            return TempFolder(candidate.path, refused)
        refused.append(f"{candidate} {reason}")
    raise InvalidRequest(
        f"Ray finds no folder for its sockets and logs: {'; '.join(refused)}. Set TMPDIR to a "
        "short path that can be written"
    )


def _wanted(environ: Mapping[str, str]) -> dict[str, Path]:
    return {name: Path(environ[name]) for name in VARIABLES if environ.get(name)}
