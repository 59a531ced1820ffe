"""The arguments and messages of ``tandem head``, for the address that this host has at the time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from actors.core.addresses import is_loopback, join_host_port
from orchestrator.cluster.cluster_tokens import make_token, save_token, token_file
from orchestrator.cluster.ray_start import NodePlace, NodePorts, head_arguments
from orchestrator.connection.own_address import has_left, other_networks, own_addresses, own_ip
from orchestrator.settings import Settings

NO_NETWORK = (
    "Note: this host has no address in a network, so that no other device can join. Once it has "
    "one, end this and start it again.\n"
)


class Head:
    """A cluster's head, and the first ``devices`` of it, by their ports. ``token`` is the file with
    the cluster's token.

    A host may get another address while its head runs: Ray ends then, and is started again.
    """

    def __init__(
        self,
        settings: Settings,
        port: int,
        ports: NodePorts,
        devices: Sequence[int],
        temp_dir: Path,
    ) -> None:
        self._settings = settings
        self._port = port
        self._ports = ports
        self._devices = devices
        self._temp_dir = temp_dir
        self._ip = own_ip(wanted=settings.ip)
        self._has_moved = False
        self.token = make_token(settings.storage_path, self._address)

    @property
    def _address(self) -> str:
        return join_host_port(self._ip, self._port)

    def arguments(self) -> list[str]:
        """Those of ``ray start`` now; raises ``InvalidRequest`` where the host has lost the address
        that was chosen."""
        earlier, self._ip = self._ip, own_ip(wanted=self._settings.ip)
        self._has_moved = earlier != self._ip
        if self._has_moved:  # devices know this address, and the gateway looks for it there
            save_token(
                token_file(self._settings.storage_path, self._address), self.token.read_text()
            )
        place = NodePlace(self._temp_dir, self._ip)
        return head_arguments(self._port, self._ports, len(self._devices), place)

    def has_left(self) -> bool:
        """Whether the host has another address now, and no longer this one."""
        return has_left(self._ip)

    def say_started(self) -> None:
        """Says how to go on from here."""
        address = self._address
        token = token_file(self._settings.storage_path, address)
        typer.echo(
            f"The cluster's head runs at {address}; this device is {devices_text(self._devices)} "
            f"of it.\n{NO_NETWORK if is_loopback(self._ip) else ''}"
            f"  the gateway, here:      tandem serve --ray-address {address}\n"
            f"  on every other device:  tandem join {address}\n"
            f"    which asks for the token that this shows here: cat {token}\n"
            f"  let through a firewall: TCP {self._port},{self._ports.firewall}\n"
            f"{_other_networks_text(self._ip)}Ctrl-C ends the cluster."
        )

    def say_back(self) -> None:
        """After Ray had ended."""
        typer.echo("This device is back.")
        if self._has_moved:
            typer.echo("This host has another address now: join all other devices to that one.")
            self.say_started()


def devices_text(ports: Sequence[int]) -> str:
    """Like "device 5001" or "devices 5001 to 5003"."""
    first, last = ports[0], ports[-1]
    return f"device {first}" if first == last else f"devices {first} to {last}"


def _other_networks_text(chosen: str) -> str:
    """How to choose another network, if the host is in several; otherwise empty."""
    others = other_networks(chosen, own_addresses())
    if not others:
        return ""
    listed = ", ".join(f"{a.ip} ({a.interface})" for a in others)
    return f"  for another network:    add --ip with one of {listed}\n"
