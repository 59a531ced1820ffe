"""Job records as the JobManager keeps them, made without one."""

from __future__ import annotations

from orchestrator.jobs.job import Device, Job
from tests.support.sources import job_spec

DATASET = {"name": "digits"}


def make_job(job_id: str = "1", *devices: Device, num_layers: int = 3, width: int = 16) -> Job:
    """A job with these devices, in the status it would have after they were registered."""
    model = {"layer_sizes": [64, *[width] * (num_layers - 1), 10]}
    job = Job(job_id, job_spec(model, DATASET))
    job.devices = list(devices)
    job.next_device_id = max((d.device_id for d in devices), default=0) + 1
    return job
