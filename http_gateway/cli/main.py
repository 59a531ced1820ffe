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
from http_gateway.cli.cluster.node_commands import doctor, head, join
from http_gateway.cli.data.dataset_commands import dataset, init
from http_gateway.cli.jobs.job_commands import (
    logs,
    pause,
    plan,
    resume,
    top,
    train,
    verify,
    watch,
)
from http_gateway.cli.jobs.result_commands import evaluate, predict
from http_gateway.cli.options import Config, Ip, PlainCommand, RayAddress, Storage
from http_gateway.cli.root import Root
from http_gateway.cli.runs.commands import clone, compare, export
from http_gateway.cli.schedule_commands import schedule

# Help has to be fast: each command imports the modules for its work when it runs.

RUN_IT = "Run it"
TRAIN = "Train"
USE = "Use what was trained"
OWN_CLUSTER = "A cluster of your own devices"
LOOK = "Learn and look up"

app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    rich_markup_mode=None,  # rich would take a third of the time of a help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `tandem demo`; `tandem COMMAND --help` explains a command.",
)


class DemoDataset(str, Enum):
    """The data sets the demo knows."""

    digits = "digits"
    MNIST = "MNIST"


class ChannelChoice(str, Enum):
    """The kinds of channels between devices."""

    auto = "auto"
    object_store = "object_store"
    shared_memory = "shared_memory"
    gloo = "gloo"
    nccl = "nccl"
    actor_calls = "actor_calls"


PortFile = Annotated[Path | None, typer.Option(help="JSON file to write once it serves")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


Version = typer.Option(
    "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
)


@app.callback()
def tandem(version: Annotated[bool, Version] = False) -> None:
    """Train one neural network across the devices you own."""


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Prints an error that was raised on purpose as one sentence, without a traceback."""
    try:
        yield
    except Exception as error:
        from http_gateway.cli.showing.reporting import CommandEnd, exit_code
        from http_gateway.client import ApiError
        from http_gateway.process.gateway_process import GatewayStartError

        if not isinstance(error, TandemError | ApiError | CommandEnd | GatewayStartError):
            raise
        typer.echo(f"tandem: {error}", err=True)
        raise typer.Exit(exit_code(error)) from None


def serve(
    config: Config = None,
    host: Annotated[
        str | None, typer.Option(help="address to listen on (default: 127.0.0.1)")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="port; 0 takes a free one (default: 4000)")
    ] = None,
    ray_address: RayAddress = None,
    ip: Ip = None,
    local_devices: Annotated[
        int | None, typer.Option(help="devices that it starts here (default: 2)")
    ] = None,
    local_nodes: Annotated[
        bool | None, typer.Option("--local-nodes", help="make each of them a Ray node of its own")
    ] = None,
    local_device_port: Annotated[
        int | None, typer.Option(help="port of the first of them (default: 5001)")
    ] = None,
    storage_path: Storage = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="folder of the data sets (default: ~/.tandem/data)")
    ] = None,
    channel: Annotated[
        ChannelChoice | None, typer.Option(help="how tensors travel (default: auto)")
    ] = None,
    port_file: PortFile = None,
) -> None:
    """Start the gateway, which takes jobs over HTTP, until Ctrl-C.

    By default it starts two devices on this host. With --ray-address it uses the devices of a
    cluster, such as one that `tandem head` started.
    """
    from http_gateway.process.serve import serve as serve_until_stopped
    from orchestrator.settings import load_settings

    settings = load_settings(
        config,
        host=host,
        port=port,
        ray_address=ray_address,
        ip=ip,
        local_devices=local_devices,
        local_nodes=local_nodes,
        local_device_port=local_device_port,
        storage_path=storage_path,
        data_dir=data_dir,
        channel=None if channel is None else channel.value,
    )
    serve_until_stopped(settings, port_file)


def stop(
    config: Config = None, ray_address: RayAddress = None, storage_path: Storage = None
) -> None:
    """End all training, and the cluster that `tandem serve` started.

    With --ray-address it ends the training there, and leaves that cluster running. Every job is
    kept: those that were training go on with the next `tandem serve`.
    """
    from http_gateway.process.stop import stop_everything
    from orchestrator.settings import load_settings

    settings = load_settings(config, ray_address=ray_address, storage_path=storage_path)
    typer.echo(stop_everything(settings, typer.echo))


def demo(
    dataset: Annotated[DemoDataset, typer.Option(help="what to train on")] = DemoDataset.digits,
    keep: Annotated[bool, typer.Option("--keep", help="leave it all running at the end")] = False,
) -> None:
    """Train a small network on this host, and show every step.

    It starts a gateway with two devices, and ends them when it is done.
    """
    from http_gateway.cli.demo import run_demo

    raise typer.Exit(run_demo(dataset.value, keep))


def version() -> None:
    """Print the version."""
    typer.echo(__version__)


for _panel, _commands in (
    (RUN_IT, (demo, serve, stop)),
    (TRAIN, (init, train, watch, top, logs, pause, resume, plan, verify)),
    (USE, (predict, evaluate, export, clone, compare)),
    (OWN_CLUSTER, (head, join, doctor)),
):
    for _command in _commands:
        app.command(cls=PlainCommand, rich_help_panel=_panel)(_one_sentence()(_command))
app.add_typer(dataset, name="dataset", rich_help_panel=TRAIN)
app.add_typer(schedule, name="schedule", rich_help_panel=LOOK)
app.command(cls=PlainCommand, rich_help_panel=LOOK)(version)
