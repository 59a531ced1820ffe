"""The ``tandem`` command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from actors.core.errors import TandemError
from actors.core.version import __version__
from http_gateway.cli.doctor import doctor
from http_gateway.cli.job_commands import pause, resume, train, watch
from http_gateway.cli.node_commands import head, join
from http_gateway.cli.plan_command import plan
from http_gateway.cli.schedule_commands import schedule
from http_gateway.cli.verify_command import verify
from http_gateway.client import ApiError
from http_gateway.gateway_process import GatewayStartError
from orchestrator.settings import load_settings

app = typer.Typer(
    help="Train one neural network across the devices you own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class DemoDataset(str, Enum):
    """The data sets the demo knows."""

    digits = "digits"
    MNIST = "MNIST"


class ChannelChoice(str, Enum):
    """What may carry tensors between devices."""

    auto = "auto"
    shared_memory = "shared_memory"
    actor_calls = "actor_calls"


Address = Annotated[str | None, typer.Option(help="Ray cluster to join, e.g. 192.168.1.5:6379")]
Storage = Annotated[Path | None, typer.Option(help="where Tandem keeps its files [~/.tandem]")]
Config = Annotated[Path | None, typer.Option(help="YAML file with settings; flags come first")]


@app.command()
def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="address to listen on [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="port; 0 takes a free one [4000]")] = None,
    ray_address: Address = None,
    local_devices: Annotated[int | None, typer.Option(help="embedded devices [2]")] = None,
    local_nodes: Annotated[
        bool | None, typer.Option("--local-nodes", help="each embedded device its own Ray node")
    ] = None,
    local_device_port: Annotated[
        int | None, typer.Option(help="first device's port [5001]")
    ] = None,
    storage_path: Storage = None,
    data_dir: Annotated[Path | None, typer.Option(help="folder of the data sets")] = None,
    channel: Annotated[ChannelChoice | None, typer.Option(help="[auto]")] = None,
    port_file: Annotated[Path | None, typer.Option(help="JSON file to write when ready")] = None,
) -> None:
    """Start the gateway; joins a Ray cluster, or starts one on this host."""
    with _one_sentence():
        settings = load_settings(
            config,
            host=host,
            port=port,
            ray_address=ray_address,
            local_devices=local_devices,
            local_nodes=local_nodes,
            local_device_port=local_device_port,
            storage_path=storage_path,
            data_dir=data_dir,
            channel=None if channel is None else channel.value,
        )
        from http_gateway.serve import serve as serve_until_stopped

        serve_until_stopped(settings, port_file)


@app.command()
def stop(config: Config = None, ray_address: Address = None, storage_path: Storage = None) -> None:
    """End the JobManager with all its jobs, and the embedded cluster if that is it."""
    with _one_sentence():
        settings = load_settings(config, ray_address=ray_address, storage_path=storage_path)
        from http_gateway.stop import stop_everything

        typer.echo(stop_everything(settings))


@app.command()
def demo(
    dataset: Annotated[DemoDataset, typer.Option()] = DemoDataset.digits,
    keep: Annotated[bool, typer.Option("--keep", help="leave everything running")] = False,
) -> None:
    """Train a small network on two embedded devices, and show every step."""
    from http_gateway.cli.demo import run_demo
    from http_gateway.cli.live_view import new_console

    with _one_sentence():
        raise typer.Exit(run_demo(dataset.value, keep, new_console()))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Errors raised on purpose are told in their own words, without a traceback."""
    try:
        yield
    except (TandemError, ApiError, GatewayStartError) as error:
        typer.echo(f"tandem: {error}", err=True)
        raise typer.Exit(1) from None


for _command in (head, join, pause, plan, resume):
    app.command()(_one_sentence()(_command))
app.command()(train)
app.command()(watch)
app.command()(doctor)
app.command()(verify)
app.add_typer(schedule, name="schedule")
