"""Records which job holds which device: one at a time, from initialize to the end of its
session."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from orchestrator.errors import DeviceBusy
from orchestrator.jobs.job import Device, Job
from orchestrator.jobs.job_lifecycle import Status


class DeviceTable:
    """The JobManager's own table; Ray's resources are not asked. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._holders: dict[tuple[str, int], str] = {}

    def hold(self, job_id: str, devices: Iterable[Device]) -> None:
        """All devices for one job, or none; raises ``DeviceBusy`` naming job and remedy."""
        wanted = list(devices)
        with self._lock:
            for device in wanted:
                self._check_free(device, job_id)
            for device in wanted:
                self._holders[device.ip, device.port] = job_id

    @contextmanager
    def lent(self, job_id: str, devices: Iterable[Device]) -> Iterator[None]:
        """Holds the devices during the block; afterwards the job holds the same ones as before."""
        before = self._hold_more(job_id, devices)
        try:
            yield
        finally:
            self._hold_only(job_id, before)

    @contextmanager
    def given(self, job_id: str, devices: Iterable[Device]) -> Iterator[None]:
        """Held from now on, unless the block raises: then the job holds what it did before."""
        before = self._hold_more(job_id, devices)
        try:
            yield
        except BaseException:
            self._hold_only(job_id, before)
            raise

    def hold_again(self, jobs: Iterable[Job]) -> None:
        """Holds again what the jobs held when an earlier JobManager ended, before any of them looks
        for spares: the devices with its layers, and all devices of an initialized job."""
        for job in jobs:
            with_layers = {stage.device_id for stage in job.stages if job.is_active}
            waits = job.status is Status.INITIALIZED
            held = [d for d in job.devices if waits or d.device_id in with_layers]
            with suppress(DeviceBusy):
                self.hold(job.job_id, held)

    def holders(self) -> dict[tuple[str, int], str]:
        """(ip, port) of each held device -> the job that holds it."""
        with self._lock:
            return dict(self._holders)

    def drop(self, job_id: str, device: Device) -> None:
        """One of those that the job holds."""
        with self._lock:
            if self._holders.get((device.ip, device.port)) == job_id:
                del self._holders[device.ip, device.port]

    def release(self, job_id: str) -> None:
        """Everything the job holds."""
        self._hold_only(job_id, set())

    def _check_free(self, device: Device, job_id: str) -> None:
        holder = self._holders.get((device.ip, device.port), job_id)
        if holder != job_id:
            raise DeviceBusy(
                f"Device {device.address} is held by job {holder}: wait for its session to "
                f"end, or release it with DELETE /api/jobs/{holder} or "
                f"DELETE /api/devices/{device.port}?job_id={holder}"
            )

    def _hold_more(self, job_id: str, devices: Iterable[Device]) -> set[tuple[str, int]]:
        """Returns the devices that the job held before."""
        with self._lock:
            before = {key for key, holder in self._holders.items() if holder == job_id}
            self.hold(job_id, devices)
            return before

    def _hold_only(self, job_id: str, keys: set[tuple[str, int]]) -> None:
        with self._lock:
            kept = self._holders.items()
            self._holders = {k: job for k, job in kept if job != job_id or k in keys}
