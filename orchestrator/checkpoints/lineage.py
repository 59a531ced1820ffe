"""Says to which job a checkpoint belongs. Identities are random, because another database may use
the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.checkpoints.manifest import CheckpointAbout


@dataclass(frozen=True)
class Lineage:
    """A job, as its checkpoints know it.

    ``identity`` names its folder, ``model`` is what was asked for but for the seed. ``sessions``
    are the train calls since its weights were drawn, oldest first, each as its index and the name
    of its folder within the job's.
    """

    job_id: str
    identity: str
    seed: int
    model: Mapping[str, Any]
    sessions: tuple[tuple[int, str], ...]

    @property
    def folders(self) -> tuple[str, ...]:
        """The names of the sessions' folders, oldest first, each once."""
        return tuple(dict.fromkeys(folder for _, folder in self.sessions))

    def has(self, about: CheckpointAbout) -> bool:
        """Whether the checkpoint is the job's own."""
        return (
            about.identity == self.identity
            and (about.session, about.session_folder) in self.sessions
            and (about.seed, about.model) == (self.seed, self.model)
        )
