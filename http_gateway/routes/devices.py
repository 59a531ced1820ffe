"""Devices: register and unregister."""

from __future__ import annotations

from typing import Any

from flask_openapi3 import APIBlueprint

from http_gateway import schemas
from http_gateway.job_client import JobClient
from http_gateway.routes import new_blueprint


def blueprint(client: JobClient) -> APIBlueprint:
    """The routes under /api/devices."""
    routes = new_blueprint("devices", "/api/devices")

    @routes.post(
        "/register",
        summary="Register a device with a job",
        responses={201: schemas.DeviceRegistered},
    )
    def register_device(body: schemas.RegisterDevice) -> Any:
        device_id = client.register_device(body.ip, body.port, body.job_id)
        return {"message": "Device registered successfully", "device_id": device_id}, 201

    @routes.delete(
        "/<port>", summary="Take a device out of its jobs", responses={200: schemas.Message}
    )
    def unregister_device(path: schemas.DevicePath, query: schemas.UnregisterQuery) -> Any:
        client.unregister_device(path.port, query.ip, query.job_id)
        return {"message": "Device unregistered successfully"}

    return routes
