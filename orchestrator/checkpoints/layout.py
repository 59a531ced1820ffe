"""Names of files and folders in the storage, with ``/``, relative to its root."""

from __future__ import annotations

import re

MANIFEST = "manifest.json"
JOBS = "jobs"
"""Has a folder for each job."""


def job_folder(identity: str) -> str:
    """The folder of everything about a job; ``identity`` is the name drawn for it."""
    assert re.fullmatch(r"[\w-]+", identity), identity
    return f"{JOBS}/{identity}"


def session_folder(identity: str, session: str) -> str:
    """Every checkpoint of one of its sessions, by the name drawn for that."""
    assert re.fullmatch(r"[\w-]+", session), session
    return f"{job_folder(identity)}/{session}"


def checkpoint_name(total_steps: int) -> str:
    """A checkpoint's id and the name of its folder; these sort as the steps do."""
    return f"step-{total_steps:012d}"


def is_checkpoint_name(name: str) -> bool:
    """Whether a folder of a session is one that ``checkpoint_name`` named."""
    return re.fullmatch(r"step-\d{12,}", name) is not None


def stage_file_names(num_stages: int, taken: set[str]) -> list[str]:
    """A name for each stage's file that is not in ``taken``.

    If a step is saved again, its files lie beside the old ones: ``stage-0.r2.safetensors`` and so
    on. So the old checkpoint is whole until the new manifest replaces the old one.
    """
    revision = 1
    while True:
        infix = "" if revision == 1 else f".r{revision}"
        names = [f"stage-{index}{infix}.safetensors" for index in range(num_stages)]
        if taken.isdisjoint(names):
            return names
        revision += 1
