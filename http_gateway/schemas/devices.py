"""A device as it is shown."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class DeviceVersions(BaseModel):
    """What is installed on a device; null: not there."""

    python: str | None
    ray: str | None
    torch: str | None
    tandem: str | None


class ListedDevice(BaseModel):
    """A device: a Ray node, or what one offers. What is not known of it is null."""

    ip: str
    port: int
    node_id: str | None
    host_name: str | None
    cores: int | None = Field(description="as Ray counts them on its node")
    accelerators: list[str] | None
    os: str | None = Field(examples=["Linux 6.1 x86_64"])
    memory_bytes: int | None
    available_memory_bytes: int | None = Field(description="at most 30 s old")
    versions: DeviceVersions | None
    jobs: list[str] = Field(description="ids of the jobs it is registered with")
    held_by: str | None = Field(description="the job that trains on it or is about to")
    status: Literal["free", "busy", "gone"] = Field(description="gone: its node does not live")
    probe_error: str | None = Field(description="why details are unknown")
    register_command: str | None = Field(
        alias="register", description="the curl that registers it; null when it is gone"
    )
