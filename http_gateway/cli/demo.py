"""``tandem demo``: a gateway with two devices, a job on it, and the end of both."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import typer

from http_gateway.process.gateway_process import GatewayProcess
from http_gateway.process.interrupts import held, interruptible
from orchestrator.settings import lacks_home, load_settings


@held()
def run_demo(dataset: str, keep: bool) -> int:
    """Starts a gateway with two embedded devices, trains, shows the result; returns exit code."""
    began = time.monotonic()
    data_dir = load_settings().data_dir  # the user's own: a download is worth keeping
    storage = Path(tempfile.mkdtemp(prefix="tandem-demo-"))
    if lacks_home(data_dir):
        data_dir = storage / "data"
    arguments = ["--local-devices", "2", "--data-dir", str(data_dir)]
    gateway = GatewayProcess.spawn(storage, arguments, _own_environment())
    typer.echo("Starting Ray with two devices, and the gateway …")
    ok = False
    try:
        with interruptible():
            # Imports that the gateway's start does not need are made while it starts.
            from http_gateway.cli.demo_run import DemoRun

            gateway.wait_until_it_serves()
            typer.echo(f"Page           {gateway.url}   (API: {gateway.url}/docs)")
            _say_where_the_dashboard_is(gateway, storage)
            ok = DemoRun(gateway, dataset, data_dir, began).run()
        return 0 if ok else 1
    finally:
        if ok and keep:
            _say_how_to_stop(gateway, storage)
        else:
            typer.echo("Stopping everything that was started …")
            gateway.stop()
            shutil.rmtree(storage, ignore_errors=True)


def _own_environment() -> dict[str, str]:
    """For a gateway with its own cluster and no token, whatever the user's settings file and
    variables say."""
    foreign = ("RAY_ADDRESS", "TANDEM_RAY_ADDRESS", "TANDEM_CONFIG")
    return {name: value for name, value in os.environ.items() if name not in foreign}


def _say_where_the_dashboard_is(gateway: GatewayProcess, storage: Path) -> None:
    url = gateway.info["dashboard_url"]
    typer.echo("Ray dashboard  " + (f"{url}   (token: {storage / 'ray_token'})" if url else "off"))


def _say_how_to_stop(gateway: GatewayProcess, storage: Path) -> None:
    typer.echo(
        f"Left running, files in {storage}. To stop it: kill -INT {gateway.process.pid}",
    )
