"""``tandem doctor``: what the gateway finds in its cluster, or this host alone without one."""

from __future__ import annotations

import json
import os
from typing import Any

import typer

from actors.core.errors import TandemError, Unavailable
from http_gateway.cli.connection import make_client
from http_gateway.client import ApiError

ERRORS_FOUND = 1
NOT_ASKED = 2


def run_doctor(url: str | None, as_json: bool) -> None:
    """Ends with 0 when there is no error, with 1 when there is one, with 2 without a gateway."""
    try:
        report, exit_code = _ask(url)
    except (TandemError, ApiError) as error:
        typer.echo(f"tandem: {error}", err=True)
        raise typer.Exit(NOT_ASKED) from None
    if as_json:
        typer.echo(json.dumps(report))
    else:
        _show(report)
    raise typer.Exit(exit_code)


def _ask(url: str | None) -> tuple[dict[str, Any], int]:
    """The report and the exit code."""
    try:
        with make_client(url) as client:
            report = client.doctor()
    except Unavailable as error:
        return _look_here(error.message), NOT_ASKED
    return report, 0 if report["ok"] else ERRORS_FOUND


def _look_here(no_gateway: str) -> dict[str, Any]:
    from orchestrator.cluster.ray_start import CLUSTER_VARIABLES
    from orchestrator.settings import load_settings

    os.environ.update(CLUSTER_VARIABLES)  # or Ray calls a host with macOS 127.0.0.1
    from orchestrator.doctor.this_host import check_this_host  # brings Ray

    return check_this_host(load_settings(), no_gateway)


def _show(report: dict[str, Any]) -> None:
    from http_gateway.cli.showing.doctor_report import report_parts
    from http_gateway.cli.showing.live_view import new_console

    console = new_console()
    for part in report_parts(report):
        console.print(part, soft_wrap=isinstance(part, str), markup=False, highlight=False)
