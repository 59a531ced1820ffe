"""Who holds which device: one job at a time, from initialize to the end of its session."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from orchestrator.errors import DeviceBusy
from orchestrator.job import Device, Job
from orchestrator.job_lifecycle import Status


class DeviceTable:
    """The JobManager's own table; Ray's resources are not asked."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, int], str] = {}

    def hold(self, job_id: str, devices: Iterable[Device]) -> None:
        """All devices for one job, or none; raises ``DeviceBusy`` naming job and remedy."""
        wanted = list(devices)
        for device in wanted:
            holder = self._holders.get((device.ip, device.port), job_id)
            if holder != job_id:
                raise DeviceBusy(
                    f"Device {device.address} is held by job {holder}: wait for its session to "
                    f"end, or release it with DELETE /api/jobs/{holder} or "
                    f"DELETE /api/devices/{device.port}?job_id={holder}"
                )
        for device in wanted:
            self._holders[device.ip, device.port] = job_id

    def hold_again(self, jobs: Iterable[Job]) -> None:
        """What they held when an earlier JobManager ended, before any of them looks for spares:
        the devices with its layers, and all those of a job that is initialized."""
        for job in jobs:
            with_layers = {stage.device_id for stage in job.stages if job.is_active}
            waits = job.status is Status.INITIALIZED
            held = [d for d in job.devices if waits or d.device_id in with_layers]
            with suppress(DeviceBusy):
                self.hold(job.job_id, held)

    def holders(self) -> dict[tuple[str, int], str]:
        """(ip, port) of each held device -> the job that holds it."""
        return dict(self._holders)

    def drop(self, job_id: str, device: Device) -> None:
        """One of those that the job holds."""
        if self._holders.get((device.ip, device.port)) == job_id:
            del self._holders[device.ip, device.port]

    def release(self, job_id: str) -> None:
        """Everything the job holds."""
        self._holders = {key: job for key, job in self._holders.items() if job != job_id}
