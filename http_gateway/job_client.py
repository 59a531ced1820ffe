"""What the routes ask of a JobManager, as a protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, Protocol

from http_gateway.rows import ReadRows


class JobClient(Protocol):
    """The JobManager as the routes see it.

    Every method raises errors of ``actors.core.errors`` / ``orchestrator.errors`` only; each
    waits at most a timeout and then raises ``Unavailable``. Returned values are plain JSON-ready
    dictionaries and lists, already in the shape of the documented response.
    """

    def create_job(
        self,
        model_config: dict[str, Any],
        dataset_config: dict[str, Any],
        further: dict[str, Any],
    ) -> str:
        """Create a job from the configurations as they were sent; returns its id ("1", "2", …).

        ``further`` has what was sent of ``task``, ``train_config``, ``failure_policy`` and
        ``checkpoints``, without defaults.
        """
        ...

    def list_jobs(self) -> list[dict[str, Any]]:
        """The jobs not deleted, oldest first."""
        ...

    def get_job(
        self, job_id: str, after_epoch: int | None = None, history_limit: int | None = None
    ) -> dict[str, Any]:
        """What is known of one job; of its history the first epochs after that one, or the latest
        without one."""
        ...

    def delete_job(self, job_id: str, force: bool = False) -> None:
        """Delete a job; one that trains only by ``force``, which stops it first."""
        ...

    def list_devices(self) -> list[dict[str, Any]]:
        """The devices of every live node and those registered, by ip and port; the route adds
        ``register``."""
        ...

    def register_device(self, ip: str, port: int, job_id: str) -> int:
        """Register the device with the job; returns its device id, counted from 1 in the job."""
        ...

    def move_device(self, job_id: str, device_id: int, ip: str, port: int) -> int:
        """The job's device of that id, which is gone, is at this address now; returns its id."""
        ...

    def unregister_device(
        self, port: int, ip: str | None = None, job_id: str | None = None
    ) -> None:
        """Take a device out of all jobs, or of one.

        Layers and optimiser state of a job that trains move off first: up to a few minutes.
        """
        ...

    def initialize(self, job_id: str, options: dict[str, Any]) -> None:
        """Allocate layers to the job's devices and draw the weights. ``options`` has what was sent
        of ``partition`` and ``devices``."""
        ...

    def plan(self, job_id: str, options: dict[str, Any]) -> dict[str, Any]:
        """The plan that initialize and train would make of ``options``; leaves nothing running."""
        ...

    def get_plan(self, job_id: str) -> dict[str, Any]:
        """The plan in force, and what its steps took."""
        ...

    def train(self, job_id: str, options: dict[str, Any]) -> dict[str, Any]:
        """Start a session. ``options`` holds the validated train request without its unset fields;
        returns ``{"epochs": int, "learning_rate": float}`` as they are in force."""
        ...

    def stop_job(self, job_id: str) -> dict[str, Any]:
        """Ask a training job to stop at its next step; returns ``{"status": …}``."""
        ...

    def resume_job(self, job_id: str) -> dict[str, Any]:
        """Go on with the session that was stopped or failed; returns ``{"status": …}``."""
        ...

    def verify(self, job_id: str, steps: int | None) -> dict[str, Any]:
        """Train the job's first ``steps`` again without a pipeline and compare, as
        ``POST /api/jobs/<job_id>/verify`` answers; takes about a minute at most, beside what
        starting a process and loading the data take."""
        ...

    def list_checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        """The job's checkpoints, newest first."""
        ...

    def list_events(
        self, job_id: str, after_index: int | None = None, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        """The first ``limit`` events after that one, or the latest without one; oldest first."""
        ...

    def list_steps(
        self, job_id: str, after_epoch: int = 0, after_step: int = 0, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        """``{"epoch", "step", "loss"}`` of at most ``limit`` steps after that one, in order."""
        ...

    def get_model(self, job_id: str, gone: Callable[[], bool]) -> IO[bytes]:
        """The trained weights as a safetensors file, at its beginning; ``gone`` tells that nobody
        waits for it any more."""
        ...

    def predict(self, job_id: str, read: ReadRows, gone: Callable[[], bool]) -> dict[str, Any]:
        """What the job's task answers for rows of raw features, such as ``{"classes": [int, …],
        "probabilities": [[float, …], …]}``, and perhaps a ``note``. The rows are read once it is
        known that they can be predicted; ``gone`` tells that nobody waits for the answer any more.
        """
        ...

    def list_layers(self) -> list[dict[str, Any]]:
        """The kinds of layers, as ``GET /api/layers`` shows them."""
        ...

    def list_architectures(self) -> list[dict[str, Any]]:
        """The architectures, as ``GET /api/architectures`` shows them."""
        ...

    def list_sources(self) -> list[dict[str, Any]]:
        """The sources of data, as ``GET /api/sources`` shows them."""
        ...

    def previous_teraflops(self, limit: int | None = None) -> list[dict[str, dict[str, float]]]:
        """One entry an ended session, of the latest ``limit`` or all, oldest first: device id ->
        its TFLOPs."""
        ...

    def doctor(self) -> dict[str, Any]:
        """Whether the cluster is fit to train, and what mends it, as ``GET /api/doctor`` answers;
        takes up to half a minute. Raises ``Conflict`` while another checkup is under way."""
        ...

    def begin_request(self, key: str, fingerprint: str) -> dict[str, Any] | None:
        """The stored answer ``{"status": int, "body": …}`` of this very request; None: go on.

        Raises ``InvalidRequest`` for another request under the same key, ``Conflict`` while the
        first one is under way.
        """
        ...

    def finish_request(self, key: str, answer: dict[str, Any]) -> None:
        """Keep the answer of a request begun."""
        ...

    def drop_request(self, key: str) -> None:
        """Forget a request begun: it came to nothing."""
        ...

    def check_ready(self) -> dict[str, Any]:
        """``{"nodes": int, "ray_version": str, "dashboard_url": str | None}``; raises
        ``Unavailable`` with the reason when a request could not be served now."""
        ...
