"""The command lines of ``tandem head`` and ``tandem join``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from http_gateway.cli.connection import GATEWAY_PORT, URL_VARIABLE
from http_gateway.cli.nodes import NodeOptions, run_head, run_join
from http_gateway.cli.registration import Registration
from orchestrator.ray_start import (
    DEFAULT_DEVICE_PORT,
    DEFAULT_HEAD_PORT,
    MAX_DEVICE_PORT,
    MAX_PORT,
    MIN_PORT,
)
from orchestrator.settings import load_settings

Storage = Annotated[Path | None, typer.Option(help="where Tandem keeps its files [~/.tandem]")]
Devices = Annotated[int, typer.Option(min=1, max=64, help="devices this host offers")]
Detach = Annotated[bool, typer.Option("--detach", help="go on in the background")]
GatewayUrl = typer.Option(help=f"for --register [{URL_VARIABLE}, or http://<head>:{GATEWAY_PORT}]")
DevicePort = typer.Option(min=MIN_PORT, max=MAX_DEVICE_PORT, help="this device's port")


def head(
    port: Annotated[int, typer.Option(min=MIN_PORT, max=MAX_PORT)] = DEFAULT_HEAD_PORT,
    device_port: Annotated[int, DevicePort] = DEFAULT_DEVICE_PORT,
    devices: Devices = 1,
    detach: Detach = False,
    storage_path: Storage = None,
) -> None:
    """Start a cluster of your own on this host, which is its first device."""
    settings = load_settings(storage_path=storage_path)
    run_head(settings, port, NodeOptions(device_port, devices, detach))


def join(
    head: Annotated[str, typer.Argument(help="the head: host or host:port")],
    port: Annotated[int, DevicePort] = DEFAULT_DEVICE_PORT,
    devices: Devices = 1,
    detach: Detach = False,
    token_file: Annotated[Path | None, typer.Option(help="file with the cluster's token")] = None,
    register: Annotated[str | None, typer.Option(help="job to register this device with")] = None,
    url: Annotated[str | None, GatewayUrl] = None,
    storage_path: Storage = None,
) -> None:
    """Make this host a device of the cluster at HEAD, until Ctrl-C."""
    settings = load_settings(storage_path=storage_path)
    head = head if ":" in head else f"{head}:{DEFAULT_HEAD_PORT}"
    options = NodeOptions(port, devices, detach)
    registration = None
    if register is not None:
        registration = Registration.at(url, head, register, options.devices)
    run_join(settings, head, options, token_file, registration)
