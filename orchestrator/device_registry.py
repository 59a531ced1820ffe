"""Adds devices to jobs and takes them away; every change takes a job that does not
train back to ``created``; while one trains, new devices are spares."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.errors import (
    ALREADY_REGISTERED,
    AmbiguousDevice,
    DeviceAlreadyRegistered,
    DeviceNotFound,
    IllegalTransition,
    InvalidRequest,
)
from orchestrator.job import Device, Job
from orchestrator.job_lifecycle import Event
from orchestrator.placement import ClusterView


def new_device(job: Job, cluster: ClusterView, ip: str, port: int) -> Device:
    """The device that (ip, port) would be in this job, once ``add``-ed.

    Raises ``DeviceAlreadyRegistered``, ``NodeNotFound``, or ``InvalidRequest`` when the job has
    fewer layers than it would have devices.
    """
    address = cluster.canonical_ip(ip)
    if any((device.ip, device.port) == (address, port) for device in job.devices):
        raise DeviceAlreadyRegistered(ALREADY_REGISTERED)
    cluster.resolve(ip, port)
    num_layers = job.spec.num_blocks
    if len(job.devices) >= num_layers and not job.is_active:
        raise InvalidRequest(
            f"Job {job.job_id} has {num_layers} layers and {len(job.devices)} devices already, and "
            "each device needs at least one: use fewer devices, or give model_config more "
            "layers"
        )
    return Device(job.next_device_id, address, port)


def add(job: Job, device: Device) -> None:
    """Ids are never used again within a job; raises ``IllegalTransition`` while it trains."""
    job.apply(Event.CHANGE_DEVICES)
    job.devices.append(device)
    job.next_device_id = device.device_id + 1


def remove(job: Job, device: Device) -> None:
    """The job's other devices keep their ids. The device has no layers any more: a plan that gives
    it some is over."""
    job.apply(Event.CHANGE_DEVICES)
    job.devices.remove(device)
    if any(stage.device_id == device.device_id for stage in job.stages):
        job.stages = ()


def check_spareable(job: Job) -> None:
    """Raises ``IllegalTransition`` where a job that trains can't do without a device."""
    if job.is_active and len(job.devices) == 1:
        raise IllegalTransition(
            f"Job {job.job_id} is {job.status.value} on this device alone: register another one "
            f"first, or stop the job with POST /api/jobs/{job.job_id}/stop"
        )
    needed = job.failure_policy.min_devices
    if job.is_active and len(job.devices) <= needed:
        raise IllegalTransition(
            f"Job {job.job_id} is {job.status.value}, has {len(job.devices)} devices and needs "
            f"{needed} (failure_policy.min_devices): register another one first, or stop the job "
            f"with POST /api/jobs/{job.job_id}/stop"
        )


def jobs_by_device(jobs: Iterable[Job]) -> dict[tuple[str, int], list[str]]:
    """(ip, port) of each registered device -> the ids of the jobs that have it, in their order."""
    found: dict[tuple[str, int], list[str]] = {}
    for job in jobs:
        for device in job.devices:
            found.setdefault((device.ip, device.port), []).append(job.job_id)
    return found


def find(
    jobs: Iterable[Job], cluster: ClusterView, port: int, ip: str | None, job_id: str | None
) -> dict[Job, Device]:
    """The one device that ``port`` (and ``ip``) means, in every job that has it.

    Raises ``DeviceNotFound``, or ``AmbiguousDevice`` listing the ips to choose from.
    """
    address = None if ip is None else cluster.canonical_ip(ip)
    matches = [
        (job, device)
        for job in jobs
        if job_id is None or job.job_id == job_id
        for device in job.devices
        if device.port == port and (address is None or device.ip == address)
    ]
    if not matches:
        raise DeviceNotFound("Device not found")
    ips = sorted({device.ip for _, device in matches})
    if len(ips) > 1:
        raise AmbiguousDevice(
            f"Devices of several ips have port {port}: {', '.join(ips)}. Choose one with "
            f"DELETE /api/devices/{port}?ip={ips[0]}"
        )
    return dict(matches)
