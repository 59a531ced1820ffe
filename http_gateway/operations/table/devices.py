"""Devices: list, register, unregister."""

from __future__ import annotations

from pydantic import BaseModel, Field

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import QUICK
from http_gateway.schemas.base import Done, Query, RequiredTogether
from http_gateway.schemas.devices import ListedDevice
from http_gateway.schemas.parameters import MAX_INDEX, Ip, PlainInt

DRAIN_TIMEOUT_S = 600.0  # layers and optimiser state move to other devices


class RegisterDevice(RequiredTogether):
    """POST /api/devices/register."""

    required_fields = ("ip", "port", "job_id")
    required_text = "IP, port number, and job ID are required"

    ip: Ip = Field(description="address of the device's Ray node", examples=["192.168.1.100"])
    port: int = Field(ge=1, le=65_535, description="its node-manager port", examples=[5001])
    job_id: str = Field(examples=["1"])
    replaces: int | None = Field(
        None,
        ge=1,
        le=MAX_INDEX,
        description="device_id of the job's device that is this one: it was at another address",
    )


class DeviceRegistered(Done):
    """The new device; its id counts from 1 within the job."""

    device_id: int


class DevicePath(BaseModel):
    """``<port>``."""

    port: PlainInt = Field(ge=1, le=65_535)


class UnregisterQuery(Query):
    """Which of several devices with one port."""

    ip: Ip | None = Field(None, description="needed when devices of several ips have this port")
    job_id: str | None = Field(None, description="take it out of this job only")


class DeviceList(BaseModel):
    """GET /api/devices, by ip, then port."""

    devices: list[ListedDevice]


DEVICES = (
    Operation(
        name="list_devices",
        **QUICK,
        path="/api/devices",
        noun="devices",
        summary="List the devices",
        response=DeviceList,
        result_name="devices",
    ),
    Operation(
        name="register_device",
        method="POST",
        path="/api/devices/register",
        noun="devices",
        summary="Register a device with a job; with `replaces`, a device of the job that has "
        "another address now",
        body=RegisterDevice,
        response=DeviceRegistered,
        status=201,
        message="Device registered successfully",
        result_name="device_id",
        shows_at="GET /api/devices",
    ),
    Operation(
        name="unregister_device",
        method="DELETE",
        path="/api/devices/<port>",
        noun="devices",
        summary="Take a device out of its jobs; one that trains is drained first: its layers move "
        "to the others, which may take a few minutes",
        path_parameters=DevicePath,
        query=UnregisterQuery,
        response=Done,
        message="Device unregistered successfully",
        timeout_s=DRAIN_TIMEOUT_S,
        shows_at="GET /api/devices",
    ),
)
