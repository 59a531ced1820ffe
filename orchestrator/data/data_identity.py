"""Which samples a job is trained on: they must not change between its sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.errors import DatasetChanged


@dataclass(frozen=True)
class DataIdentity:
    """``fingerprint`` is of all samples as they are stored, or that of their files if the samples
    were too many for the memory. ``files_fingerprint`` is that of their files in any case, if the
    samples may be too many."""

    num_train: int
    num_val: int
    fingerprint: str
    files_fingerprint: str = ""

    def is_same(self, other: DataIdentity) -> bool:
        """Whether these are the same samples. How much memory there is may differ from one start to
        the next: then the files tell."""
        if (self.num_train, self.num_val) != (other.num_train, other.num_val):
            return False
        if self.fingerprint in (other.fingerprint, other.files_fingerprint):
            return True
        return other.fingerprint == self.files_fingerprint

    def shown(self) -> dict[str, Any]:
        """What people are told; the files' own fingerprint is for comparing alone."""
        return {
            "num_train": self.num_train,
            "num_val": self.num_val,
            "fingerprint": self.fingerprint,
        }

    def __str__(self) -> str:
        return (
            f"{self.num_train:,} training and {self.num_val:,} validation samples with the "
            f"fingerprint {self.fingerprint}"
        )


def check_same(job_id: str, had: DataIdentity, found: DataIdentity, place: str) -> None:
    """Raises ``DatasetChanged`` unless ``found``, in ``place``, is what the job ``had``."""
    if not had.is_same(found):
        raise DatasetChanged(
            f"Job {job_id} was trained on {had}, but {place} has {found} now. Put the old files "
            f"back and resume or train again, or begin anew on the new ones with POST "
            f"/api/network/initialize/{job_id}"
        )
