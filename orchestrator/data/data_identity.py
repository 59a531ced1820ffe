"""Which samples a job is trained on: they must not change between its sessions."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import DatasetChanged


@dataclass(frozen=True)
class DataIdentity:
    """``fingerprint`` is of all samples as they are stored."""

    num_train: int
    num_val: int
    fingerprint: str

    def __str__(self) -> str:
        return (
            f"{self.num_train:,} training and {self.num_val:,} validation samples with the "
            f"fingerprint {self.fingerprint}"
        )


def check_same(job_id: str, had: DataIdentity, found: DataIdentity, place: str) -> None:
    """Raises ``DatasetChanged`` unless ``found``, in ``place``, is what the job ``had``."""
    if found != had:
        raise DatasetChanged(
            f"Job {job_id} was trained on {had}, but {place} has {found} now. Put the old files "
            f"back and resume or train again, or begin anew on the new ones with POST "
            f"/api/network/initialize/{job_id}"
        )
