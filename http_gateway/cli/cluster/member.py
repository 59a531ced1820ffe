"""The arguments and messages of ``tandem join``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from http_gateway.cli.cluster.head import devices_text
from http_gateway.cli.cluster.registration import Registration
from orchestrator.cluster.ray_start import NodePlace, NodePorts, join_arguments
from orchestrator.connection.own_address import has_left, own_ip
from orchestrator.settings import Settings


class Member:
    """A host in the cluster at ``head`` (host:port), and its ``devices``, by their ports."""

    def __init__(
        self,
        settings: Settings,
        head: str,
        ports: NodePorts,
        devices: Sequence[int],
        temp_dir: Path,
        registration: Registration | None,
    ) -> None:
        self._chosen_ip = settings.ip
        self._head = head
        self._ports = ports
        self._devices = devices
        self._temp_dir = temp_dir
        self._registration = registration
        self._ip = own_ip(head, settings.ip)

    def arguments(self) -> list[str]:
        """Those of ``ray start`` now; raises ``InvalidRequest`` where the host has lost the address
        that was chosen."""
        self._ip = own_ip(self._head, self._chosen_ip)
        place = NodePlace(self._temp_dir, None if self._chosen_ip is None else self._ip)
        return join_arguments(self._head, self._ports, len(self._devices), place)

    def has_left(self) -> bool:
        """Whether the host has another address now, and no longer this one."""
        return has_left(self._ip, self._head)

    def say_started(self) -> None:
        """Once it has joined; registers its devices, if that was asked for."""
        typer.echo(f"Joined {self._head} as {devices_text(self._devices)}, with {_versions()}.")
        if self._registration is not None:
            typer.echo(self._registration.register())
        typer.echo(
            f"Let through a firewall: TCP {self._ports.firewall}; `tandem doctor` on the head "
            "says what is blocked. Ctrl-C leaves the cluster."
        )

    def say_back(self) -> None:
        """After Ray had ended, or the host had got another address."""
        typer.echo("This device is back.")


def _versions() -> str:
    """The versions that must be the same on all devices; torch is not imported for this."""
    from orchestrator.devices.node_probe import describe_host

    versions = describe_host()["versions"]
    torch = versions["torch"]
    shown = f"Python {versions['python']}, Ray {versions['ray']} and "
    return shown + (f"torch {torch}" if torch else "no torch, so it can't train")
