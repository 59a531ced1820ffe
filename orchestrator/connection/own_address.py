"""Finds the address by which other devices reach this host: the user's, the one on the way to them,
or a guess."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil

from actors.core.addresses import is_loopback, parse_host_port, parse_ip
from orchestrator.errors import InvalidRequest

# Nothing is sent to them: only the way there is asked for.
FAR_AWAY = ("8.8.8.8", "2001:4860:4860::8888")
LOOPBACK = "127.0.0.1"
# Networks that a program of this host has made for itself: no other device is in them.
OF_THIS_HOST = re.compile(
    "docker|br-|veth|virbr|vboxnet|vmnet|cni|flannel|podman|lxc|lxd|incus|vEthernet|bridge|utun"
    "|awdl|llw|anpi"
)
TUNNELS = re.compile("tun|tap|wg|tailscale|zt|ppp|ipsec")


@dataclass(frozen=True)
class OwnAddress:
    """An address of this host, and the network interface that has it."""

    interface: str
    ip: str


def own_ip(towards: str | None = None, wanted: str | None = None) -> str:
    """This host's address for its devices. It is ``wanted`` if given, otherwise the address on the
    way to the head ``towards`` (host:port), or for the head itself on the way to the internet.
    Without such a way, it is the address in the network that most likely has the other devices.

    Raises ``InvalidRequest`` if this host does not have the wanted one.
    """
    addresses = own_addresses()
    if wanted is not None:
        return check_own(wanted, addresses)
    if towards is not None:
        return _on_the_way_to(parse_host_port(towards).host) or choose(None, addresses)
    ways = (_on_the_way_to(far) for far in FAR_AWAY)
    return choose(next((ip for ip in ways if ip is not None), None), addresses)


def own_ips() -> frozenset[str]:
    """Every address of this host."""
    return frozenset(address.ip for address in own_addresses())


def has_left(ip: str, towards: str | None = None) -> bool:
    """Whether this host has lost that address, and has another one in its place: not while a cable
    is pulled out, or the Wi-Fi is away."""
    return ip not in own_ips() and not is_loopback(own_ip(towards))


def own_addresses() -> list[OwnAddress]:
    """The addresses of every interface that is up."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    return [
        OwnAddress(name, entry.address.partition("%")[0])
        for name, entries in sorted(psutil.net_if_addrs().items())
        if name in up
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    ]


def check_own(ip: str, addresses: Sequence[OwnAddress]) -> str:
    """The address as it is written, if others can reach this host by it."""
    wanted = parse_ip(ip)
    if wanted is not None and str(wanted) in {a.ip for a in addresses} and not wanted.is_loopback:
        return str(wanted)
    known = [f"{a.ip} ({a.interface})" for a in networks(addresses)]
    raise InvalidRequest(
        f"The setting ip is {ip!r}, but must be an address of this host that other devices reach: "
        f"{', '.join(known) or 'it has none now'}"
    )


def choose(on_the_way: str | None, addresses: Sequence[OwnAddress]) -> str:
    """The address on the way out, unless nobody else reaches this host by it. Then it is the one
    that is most likely in the network of the other devices, or loopback if there is none."""
    way = None if on_the_way is None else parse_ip(on_the_way)
    if on_the_way is not None and way is not None and not way.is_loopback:
        return on_the_way
    likely = networks(addresses)
    return likely[0].ip if likely else LOOPBACK


def networks(addresses: Iterable[OwnAddress]) -> list[OwnAddress]:
    """Those that other devices may reach this host by, the likeliest first."""
    reachable = [a for a in addresses if _is_for_others(a)]
    return sorted(reachable, key=lambda a: (*_unlikeliness(a), a.interface))


def other_networks(chosen: str, addresses: Sequence[OwnAddress]) -> list[OwnAddress]:
    """The likeliest address of each other interface."""
    interfaces = {a.interface for a in addresses if a.ip == chosen}
    found: dict[str, OwnAddress] = {}
    for address in networks(addresses):
        if address.interface not in interfaces:
            found.setdefault(address.interface, address)
    return list(found.values())


def _is_for_others(address: OwnAddress) -> bool:
    ip = parse_ip(address.ip)
    if ip is None or ip.is_loopback or (ip.version == 6 and ip.is_link_local):
        return False
    return OF_THIS_HOST.match(address.interface) is None


def _unlikeliness(address: OwnAddress) -> tuple[bool, bool, bool, bool]:
    """A home network has private IPv4 addresses; 169.254.x.y is what a host gives itself."""
    ip = parse_ip(address.ip)
    assert ip is not None
    tunnel = TUNNELS.match(address.interface) is not None
    return ip.is_link_local, tunnel, ip.version == 6, not ip.is_private


def _on_the_way_to(host: str) -> str | None:
    """None if there is no way, or no such host."""
    try:
        (family, kind, _, _, target), *_ = socket.getaddrinfo(host, 53, type=socket.SOCK_DGRAM)
        with socket.socket(family, kind) as probe:
            probe.connect(target)
            ip: str = probe.getsockname()[0]
            return ip.partition("%")[0]
    except OSError:
        return None
