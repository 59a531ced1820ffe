"""Devices: list, register and unregister."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from flask import request
from flask_openapi3 import APIBlueprint

from http_gateway import schemas
from http_gateway import schemas_responses as responses
from http_gateway.auth import CURL_HEADER
from http_gateway.job_client import JobClient
from http_gateway.routes import new_blueprint


def blueprint(client: JobClient) -> APIBlueprint:
    """The routes under /api/devices."""
    routes = new_blueprint("devices", "/api/devices")

    @routes.get("", summary="List the devices", responses={200: responses.DeviceList})
    def list_devices() -> Any:
        devices = client.list_devices()
        return {"devices": [{**d, "register": _register_command(d)} for d in devices]}

    @routes.post(
        "/register",
        summary="Register a device with a job; with `replaces`, a device of the job that has "
        "another address now",
        responses={201: responses.DeviceRegistered},
    )
    def register_device(body: schemas.RegisterDevice) -> Any:
        if body.replaces is None:
            device_id = client.register_device(body.ip, body.port, body.job_id)
        else:
            device_id = client.move_device(body.job_id, body.replaces, body.ip, body.port)
        return {"message": "Device registered successfully", "device_id": device_id}, 201

    @routes.delete(
        "/<port>",
        summary="Take a device out of its jobs; one that trains is drained first: its layers move "
        "to the others, which may take a few minutes",
        responses={200: responses.Message},
    )
    def unregister_device(path: schemas.DevicePath, query: schemas.UnregisterQuery) -> Any:
        client.unregister_device(path.port, query.ip, query.job_id)
        return {"message": "Device unregistered successfully"}

    return routes


def _register_command(device: Mapping[str, Any]) -> str | None:
    """The curl that registers it, at the address by which this request reached the gateway."""
    if device["status"] == "gone":
        return None
    body = {"ip": device["ip"], "port": device["port"], "job_id": "<job_id>"}
    words = ["curl", "-X", "POST", f"{request.host_url}api/devices/register"]
    words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    command = shlex.join(words)
    # This request brought the gateway's token if there is one; the shell puts it in there.
    return f"{command} {CURL_HEADER}" if "Authorization" in request.headers else command
