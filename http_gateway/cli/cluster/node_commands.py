"""The command lines of ``tandem head``, ``tandem join`` and ``tandem doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actors.core.addresses import parse_host_port
from http_gateway.cli.options import GATEWAY_PORT, URL_VARIABLE, AsJson, Ip, Storage, Url
from orchestrator.cluster.ray_start import (
    DEFAULT_DEVICE_PORT,
    DEFAULT_HEAD_PORT,
    MAX_DEVICE_PORT,
    MAX_PORT,
    MIN_PORT,
)

Devices = Annotated[int, typer.Option(min=1, max=64, help="devices this host offers")]
Detach = Annotated[bool, typer.Option("--detach", help="go on in the background")]
GatewayUrl = typer.Option(
    help=f"the gateway for --register (default: {URL_VARIABLE}, or http://HEAD:{GATEWAY_PORT})"
)
DevicePort = typer.Option(min=MIN_PORT, max=MAX_DEVICE_PORT, help="the port that names this device")


def head(
    port: Annotated[
        int, typer.Option(min=MIN_PORT, max=MAX_PORT, help="port at which devices join")
    ] = DEFAULT_HEAD_PORT,
    device_port: Annotated[int, DevicePort] = DEFAULT_DEVICE_PORT,
    devices: Devices = 1,
    ip: Ip = None,
    detach: Detach = False,
    storage_path: Storage = None,
) -> None:
    """Start a cluster of your own; this host is its first device.

    It prints the command by which every other device joins. Ctrl-C ends the cluster.
    """
    from http_gateway.cli.cluster.nodes import NodeOptions, run_head
    from orchestrator.files.storage_folder import storage_in_use
    from orchestrator.settings import load_settings

    settings = load_settings(storage_path=storage_path, ip=ip)
    with storage_in_use(settings):
        run_head(settings, port, NodeOptions(device_port, devices, detach))


def join(
    head: Annotated[
        str,
        typer.Argument(metavar="HEAD", help="the head's address: host, host:port or [IPv6]:port"),
    ],
    port: Annotated[int, DevicePort] = DEFAULT_DEVICE_PORT,
    devices: Devices = 1,
    ip: Ip = None,
    detach: Detach = False,
    token_file: Annotated[Path | None, typer.Option(help="file with the cluster's token")] = None,
    register: Annotated[
        str | None, typer.Option(metavar="JOB", help="id of a job to register this device with")
    ] = None,
    url: Annotated[str | None, GatewayUrl] = None,
    storage_path: Storage = None,
) -> None:
    """Make this host a device of the cluster at HEAD.

    It asks for the cluster's token, which the head shows. Ctrl-C leaves the cluster.
    """
    from http_gateway.cli.cluster.nodes import NodeOptions, run_join
    from http_gateway.cli.cluster.registration import Registration
    from orchestrator.files.storage_folder import storage_in_use
    from orchestrator.settings import load_settings

    settings = load_settings(storage_path=storage_path, ip=ip)
    head = str(parse_host_port(head, DEFAULT_HEAD_PORT))
    options = NodeOptions(port, devices, detach)
    registration = None
    if register is not None:
        registration = Registration.at(url, head, register, options.devices, settings.ip)
    with storage_in_use(settings):
        run_join(settings, head, options, token_file, registration)


def doctor(url: Url = None, as_json: AsJson = False) -> None:
    """Check whether the cluster is fit to train, and say how to fix it.

    Ends with 0 when there is no error, with 1 when there is one, and with 2 when no gateway
    answers; then it looks at this host alone.
    """
    from http_gateway.cli.cluster.doctor import run_doctor

    run_doctor(url, as_json)
