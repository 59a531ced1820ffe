"""The devices of all jobs: listed, registered, moved and taken out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Protocol

import ray

from orchestrator.connection.own_address import own_ips
from orchestrator.devices import device_registry
from orchestrator.devices.device_list import Registrations, list_devices
from orchestrator.devices.node_probe import NodeProbes
from orchestrator.devices.placement import ClusterView, parse_nodes
from orchestrator.jobs.job import Device, Job
from orchestrator.jobs.job_lifecycle import Event, Status
from orchestrator.sessions.session_desk import DeskServices

CHANGING = "changing its devices"
Moved = Callable[[Job, Device], AbstractContextManager[None]]


class Exclusive(Protocol):
    """Keeps other long operations off a job, and refuses what its status forbids."""

    def __call__(
        self, job_id: str, doing: str, event: Event | None = None, missing: str = ...
    ) -> AbstractContextManager[Job]: ...


class ClusterReader:
    """Ray's table of nodes, as the JobManager's node has it."""

    def __init__(self, node_id: str, ray_address: str) -> None:
        self._node_id = node_id
        self._ray_address = ray_address

    def read(self) -> ClusterView:
        """As it is now."""
        nodes = parse_nodes(ray.nodes())
        own_ip = next(node.ip for node in nodes if node.node_id == self._node_id)
        return ClusterView(tuple(nodes), own_ip, self._ray_address, own_ips())


class DeviceDesk:
    """``moved_off`` takes a device's layers to the others while its job trains; ``release`` ends
    what was prepared for a job with the devices it had."""

    def __init__(
        self,
        services: DeskServices,
        exclusive: Exclusive,
        moved_off: Moved,
        release: Callable[[str], None],
    ) -> None:
        self._book = services.book
        self._table = services.table
        self._read_cluster = services.cluster
        self._exclusive = exclusive
        self._moved_off = moved_off
        self._release = release
        self._probes = NodeProbes()

    def list(self) -> list[dict[str, Any]]:
        """The devices of live nodes and the registered ones; waits at most 5 s for reports."""
        cluster = self._read_cluster()
        probed = self._probes.results([node.node_id for node in cluster.nodes])
        with self._book.lock:
            jobs = device_registry.jobs_by_device(self._book.all())
            registrations = Registrations(jobs, self._table.holders())
        return list_devices(cluster, registrations, probed)

    def register(self, ip: str, port: int, job_id: str) -> int:
        """Returns the device's id. Raises ``NodeNotFound``, ``DeviceAlreadyRegistered``, …"""
        cluster = self._read_cluster()
        with self._exclusive(job_id, CHANGING, Event.CHANGE_DEVICES, "Invalid job ID") as job:
            device = device_registry.new_device(job, cluster, ip, port)
            with self._book.changing(job, result=device.device_id) as (draft,):
                device_registry.add(draft, device)
            if not job.is_active:
                self._release(job_id)
            return device.device_id

    def move(self, job_id: str, device_id: int, ip: str, port: int) -> int:
        """Raises ``JobNotFound``, ``DeviceNotFound``, ``NodeNotFound``, ``Conflict``, …"""
        cluster = self._read_cluster()
        with self._exclusive(job_id, CHANGING, missing="Invalid job ID") as job:
            device = device_registry.moved_device(job, cluster, device_id, ip, port)
            was_prepared = job.status is Status.INITIALIZED
            with self._book.changing(job, result=device_id) as (draft,):
                device_registry.move(draft, device)
            if was_prepared:
                self._release(job_id)
        self._book.note(job, "device_moved", f"Device {device_id} is at {device.address} now")
        return device_id

    def unregister(self, port: int, ip: str | None, job_id: str | None) -> None:
        """Raises ``DeviceNotFound``, ``AmbiguousDevice``, ``IllegalTransition``, …"""
        cluster = self._read_cluster()
        with ExitStack() as held:
            with self._book.lock:  # all jobs, or none
                if job_id is not None:
                    self._book.get(job_id)
                found = device_registry.find(self._book.all(), cluster, port, ip, job_id)
                for job in found:
                    device_registry.check_spareable(job)
                    held.enter_context(self._exclusive(job.job_id, CHANGING, Event.CHANGE_DEVICES))
            self._take_out(found)

    def settle(self) -> None:
        """This host may have had another address when the jobs were stored."""
        cluster = self._read_cluster()
        for job in self._book.all():
            devices = device_registry.settled(job.devices, cluster)
            moved = [old for old, new in zip(job.devices, devices, strict=True) if old != new]
            job.devices = devices
            for old in moved:
                text = f"Device {old.address} is this host's, which is {cluster.gateway_ip} now"
                self._book.note(job, "device_moved", text)
            if moved or any(device.is_local for device in devices):  # which may be new
                self._book.try_save(job)

    def _take_out(self, found: Mapping[Job, Device]) -> None:
        """Of all these jobs or of none."""
        with ExitStack() as moved:
            for job, device in found.items():
                moved.enter_context(self._moved_off(job, device))
            with self._book.changing(*found) as drafts:
                for draft, device in zip(drafts, found.values(), strict=True):
                    device_registry.remove(draft, device)
        for job in found:
            if not job.is_active:
                self._release(job.job_id)
