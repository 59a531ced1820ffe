"""Adds devices to jobs and takes them away; every change takes a job that does not
train back to ``created``; while one trains, new devices are spares."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from actors.core.addresses import join_host_port
from orchestrator.devices.placement import ClusterView
from orchestrator.errors import (
    ALREADY_REGISTERED,
    AmbiguousDevice,
    Conflict,
    DeviceAlreadyRegistered,
    DeviceNotFound,
    IllegalTransition,
    InvalidRequest,
)
from orchestrator.jobs.job import Device, Job
from orchestrator.jobs.job_lifecycle import Event, Status


def new_device(job: Job, cluster: ClusterView, ip: str, port: int) -> Device:
    """The device that (ip, port) would be in this job, once ``add``-ed.

    Raises ``DeviceAlreadyRegistered``, ``NodeNotFound``, or ``InvalidRequest`` when the job has
    fewer layers than it would have devices.
    """
    device = _resolved(job, cluster, job.next_device_id, ip, port)
    num_layers = job.spec.num_blocks
    if len(job.devices) >= num_layers and not job.is_active:
        raise InvalidRequest(
            f"Job {job.job_id} has {num_layers} layers and {len(job.devices)} devices already, and "
            "each device needs at least one: use fewer devices, or give model_config more "
            "layers"
        )
    return device


def moved_device(job: Job, cluster: ClusterView, device_id: int, ip: str, port: int) -> Device:
    """The job's device of that id at its new place (ip, port), ready for ``move``.

    Raises ``DeviceNotFound``, ``Conflict`` if it still answers at its old place, and the other
    errors of ``new_device``.
    """
    old = next((device for device in job.devices if device.device_id == device_id), None)
    if old is None:
        ids = ", ".join(str(device.device_id) for device in job.devices) or "none"
        raise DeviceNotFound(f"Job {job.job_id} has no device {device_id} (it has: {ids})")
    new = _resolved(job, cluster, device_id, ip, port)
    if not cluster.has(old.ip, old.port):
        return new
    raise Conflict(
        f"Device {device_id} of job {job.job_id} answers at {old.address}, so {new.address} is "
        f"another one: register that without `replaces`, then take this one out with "
        f"DELETE /api/devices/{old.port}?ip={old.ip}&job_id={job.job_id}"
    )


def _resolved(job: Job, cluster: ClusterView, device_id: int, ip: str, port: int) -> Device:
    address = cluster.canonical_ip(ip)
    if any((device.ip, device.port) == (address, port) for device in job.devices):
        raise DeviceAlreadyRegistered(ALREADY_REGISTERED)
    node = cluster.resolve(ip, port).node
    return Device(device_id, address, port, address == cluster.gateway_ip, node.host_name)


def settled(devices: Sequence[Device], cluster: ClusterView) -> list[Device]:
    """The devices of a job; those on the gateway's own host have its present address.

    An earlier version did not record which they are. In a cluster of one host, if a job's devices
    all had one address, the job was made there when the host had that address.
    """
    one_host = len({device.ip for device in devices}) == 1
    found = []
    for device in devices:
        local = device.is_local
        if local is None and (
            cluster.canonical_ip(device.ip) == cluster.gateway_ip
            or (one_host and cluster.is_on_this_host)
        ):
            local = True
        ip = cluster.gateway_ip if local else device.ip
        found.append(replace(device, ip=ip, is_local=local))
    return found


def moved_text(job: Job, cluster: ClusterView) -> str | None:
    """Says what to do if a device of the job is gone and may have come back at another address."""
    taken = {(device.ip, device.port) for device in job.devices}
    for device in job.devices:
        if cluster.has(device.ip, device.port):
            continue
        for node in cluster.lookalikes(device.ip, device.port, device.host_name):
            port = device.port if device.port in node.claims else min(node.devices or {node.port})
            if (node.ip, port) not in taken:
                body = {"ip": node.ip, "port": port, "job_id": job.job_id}
                body["replaces"] = device.device_id
                return (
                    f"Device {device.device_id} is gone from {device.address}, but one is at "
                    f"{join_host_port(node.ip, port)} (host {node.host_name}): if it is the same, "
                    f"send POST /api/devices/register with {json.dumps(body)}"
                )
    return None


def move(job: Job, device: Device) -> None:
    """The device of that id is the same one at another place, and keeps its layers. A job that is
    only initialized has to be initialized again, because its LayerActors are lost."""
    if job.status is Status.INITIALIZED:
        job.apply(Event.CHANGE_DEVICES)
    job.devices = [device if d.device_id == device.device_id else d for d in job.devices]


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
