"""The answer of GET /api/doctor, for /openapi.json."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from http_gateway.schemas.devices import DeviceVersions


class DoctorFinding(BaseModel):
    """One finding; the worst come first."""

    level: Literal["error", "warning", "ok"]
    check: str = Field(examples=["versions"])
    node: str | None = Field(
        description="ip:port of the node it is about; null: the cluster or the gateway's host"
    )
    text: str = Field(description="one sentence with value and limit")
    remedy: str | None = Field(
        description="a command for that node, or, where that is null, for the gateway's host"
    )


class NodeVersions(DeviceVersions):
    """What is installed on a node; null: not there."""

    numpy: str | None


class DoctorNode(BaseModel):
    """A live Ray node and its host. What is not known is null."""

    node: str = Field(description="ip:port", examples=["192.168.1.6:5001"])
    node_id: str
    host_name: str
    has_job_manager: bool
    os: str | None
    memory_bytes: int | None
    available_memory_bytes: int | None
    versions: NodeVersions | None
    shared_memory_bytes: int | None = Field(description="size of /dev/shm")
    disk_bytes: int | None = Field(description="of the disk that has temp_dir")
    free_disk_bytes: int | None
    auth_mode: str | None = Field(description="RAY_AUTH_MODE there")
    object_store_bytes: int
    temp_dir: str = Field(description="Ray's temporary folder")
    clock_ahead_s: float | None = Field(description="of the clock of the gateway's host")
    accelerators: list[str] | None = Field(description="those that torch sees")
    error: str | None = Field(description="why the node told nothing")


class DoctorLink(BaseModel):
    """From one node to another, as Ray carries data; null: not measured."""

    from_node: str = Field(alias="from")
    to: str
    round_trip_s: float | None = Field(description="median of small calls")
    bytes_per_s: float | None = Field(description="of one object of 16 MiB")


class DoctorReport(BaseModel):
    """GET /api/doctor."""

    ok: bool = Field(description="no finding is an error")
    checked_nodes: int = Field(description="nodes that answered")
    training_jobs: list[str] = Field(description="jobs that trained while links were measured")
    findings: list[DoctorFinding]
    nodes: list[DoctorNode]
    links: list[DoctorLink]
