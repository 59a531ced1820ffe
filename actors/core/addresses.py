"""Addresses as users write them: host and port, IPv6 with its brackets, URLs. No socket is
touched."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from actors.core.errors import InvalidRequest

EXAMPLES = "host:port, e.g. 192.168.1.5:6379, or for IPv6 [fd00::5]:6379"
HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
BRACKETED = re.compile(r"\[([0-9A-Fa-f:.%\w]*)\](?::(.*))?")
_IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class HostPort:
    """An address to connect to; ``host`` is a name or an IP address, without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return join_host_port(self.host, self.port)


def parse_host_port(text: str, default_port: int | None = None) -> HostPort:
    """Parses ``host:port``, or only a host if there is a default port.

    Raises ``InvalidRequest`` with what is wrong and an example.
    """
    host, port = _split(text.strip(), default_port)
    if not HOST_NAME.fullmatch(host) and not isinstance(parse_ip(host), ipaddress.IPv6Address):
        raise InvalidRequest(f"The address {text!r} has no host that can be one: write {EXAMPLES}")
    if host.rpartition(".")[2].isdigit() and parse_ip(host) is None:
        raise InvalidRequest(f"The address {text!r} is no IP address: write {EXAMPLES}")
    if not 1 <= port <= 65535:
        raise InvalidRequest(f"The address {text!r} has the port {port}, but ports are 1 to 65535")
    return HostPort(host, port)


def join_host_port(host: str, port: int) -> str:
    """Adds the brackets that an IPv6 address needs."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def shown_host(url: str) -> str:
    """What texts may show of a URL: its path and its user may hold a secret."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def parse_ip(text: str) -> _IpAddress | None:
    """None if it is not an IP address. An IPv4 address that came through an IPv6 socket
    (``::ffff:10.0.0.1``) becomes that IPv4 address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_loopback(host: str) -> bool:
    """Whether it means the host that says it."""
    address = parse_ip(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def _split(text: str, default_port: int | None) -> tuple[str, int]:
    if "://" in text:
        raise InvalidRequest(f"The address {text!r} is a URL, but must be like {EXAMPLES}")
    if isinstance(parse_ip(text), ipaddress.IPv6Address):
        host, port = text, ""
        if default_port is None:
            raise InvalidRequest(
                f"The address {text!r} is an IPv6 address without a port: write [{text}]:6379"
            )
    elif bracketed := BRACKETED.fullmatch(text):
        host, port = bracketed.groups("")
    else:
        host, _, port = text.partition(":")
    if not port and default_port is not None:
        return host, default_port
    if not (port.isascii() and port.isdigit()):
        raise InvalidRequest(f"The address {text!r} is not of the form {EXAMPLES}")
    return host, int(port)
