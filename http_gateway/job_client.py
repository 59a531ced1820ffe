"""What the routes ask of a JobManager, as a protocol."""

from __future__ import annotations

from typing import Any, Protocol


class JobClient(Protocol):
    """The JobManager as the routes see it.

    Every method raises errors of ``actors.core.errors`` / ``orchestrator.errors`` only; each
    waits at most a timeout and then raises ``Unavailable``. Returned values are plain JSON-ready
    dictionaries and lists, already in the shape of the documented response.
    """

    def create_job(self, model_config: dict[str, Any], dataset_config: dict[str, Any]) -> str:
        """Create a job from the configurations as they were sent; returns its id ("1", "2", …)."""
        ...

    def list_jobs(self) -> list[dict[str, Any]]:
        """The jobs not deleted, oldest first."""
        ...

    def get_job(self, job_id: str) -> dict[str, Any]:
        """Everything known of one job."""
        ...

    def delete_job(self, job_id: str) -> None:
        """Delete a job that is not training."""
        ...

    def list_devices(self) -> list[dict[str, Any]]:
        """The devices of every live node and those registered, by ip and port; the route adds
        ``register``."""
        ...

    def register_device(self, ip: str, port: int, job_id: str) -> int:
        """Register the device with the job; returns its device id, counted from 1 in the job."""
        ...

    def unregister_device(
        self, port: int, ip: str | None = None, job_id: str | None = None
    ) -> None:
        """Take a device out of all jobs, or of one."""
        ...

    def initialize(self, job_id: str) -> None:
        """Allocate layers to the job's devices and draw the weights."""
        ...

    def train(self, job_id: str, options: dict[str, Any]) -> dict[str, Any]:
        """Start a session. ``options`` holds the validated train request without its unset fields;
        returns ``{"epochs": int, "learning_rate": float}`` as they are in force."""
        ...

    def stop_job(self, job_id: str) -> dict[str, Any]:
        """Ask a training job to stop at its next step; returns ``{"status": …}``."""
        ...

    def get_model(self, job_id: str) -> bytes:
        """The trained weights as a safetensors file."""
        ...

    def predict(self, job_id: str, inputs: list[list[float]]) -> dict[str, Any]:
        """``{"classes": [int, …], "probabilities": [[float, …], …]}`` for rows of raw features."""
        ...

    def previous_teraflops(self) -> list[dict[str, dict[str, float]]]:
        """One entry an ended session, oldest first: device id -> its TFLOPs."""
        ...

    def doctor(self) -> dict[str, Any]:
        """Whether the cluster is fit to train, and what mends it, as ``GET /api/doctor`` answers;
        takes up to half a minute. Raises ``Conflict`` while another checkup is under way."""
        ...

    def check_ready(self) -> dict[str, Any]:
        """``{"nodes": int, "ray_version": str, "dashboard_url": str | None}``; raises
        ``Unavailable`` with the reason when a request could not be served now."""
        ...
