"""Where things are in the storage: names with ``/``, relative to its root."""

from __future__ import annotations

import re

MANIFEST = "manifest.json"


def job_folder(job_id: str) -> str:
    """Everything of a job."""
    assert re.fullmatch(r"[\w-]+", job_id), job_id
    return f"jobs/{job_id}"


def run_folder(job_id: str, run: int) -> str:
    """Everything since the job's weights were drawn for the ``run``-th time."""
    return f"{job_folder(job_id)}/run-{run}"


def checkpoint_name(total_steps: int) -> str:
    """A checkpoint's id and the name of its folder; these sort as the steps do."""
    return f"step-{total_steps:012d}"


def is_checkpoint_name(name: str) -> bool:
    """Whether a folder of a run is one that ``checkpoint_name`` named."""
    return re.fullmatch(r"step-\d{12,}", name) is not None


def run_of(folder: str) -> int | None:
    """3 for ``run-3``; None for anything else."""
    found = re.fullmatch(r"run-(\d+)", folder)
    return None if found is None else int(found[1])


def stage_file_names(num_stages: int, taken: set[str]) -> list[str]:
    """A name for each stage's file such that none is ``taken``.

    A step that is saved again gets files beside the old ones, ``stage-0.r2.safetensors`` and so
    on, so that the old checkpoint is whole until the new manifest replaces the old one.
    """
    revision = 1
    while True:
        infix = "" if revision == 1 else f".r{revision}"
        names = [f"stage-{index}{infix}.safetensors" for index in range(num_stages)]
        if taken.isdisjoint(names):
            return names
        revision += 1
