"""The URLs of a gateway, by the address on which it listens, and the lines printed about them."""

from __future__ import annotations

import ipaddress

from actors.core.addresses import is_loopback, join_host_port


def url_of(host: str, port: int) -> str:
    """The URL of what listens there."""
    return f"http://{join_host_port(host, port)}"


def own_url(host: str, port: int) -> str:
    """For this host itself, which can't be called by an address that stands for all."""
    if not _stands_for_all(host):
        return url_of(host, port)
    return url_of("::1" if ":" in host else "127.0.0.1", port)


def access_lines(host: str, port: int, own_ip: str, token_source: str | None) -> list[str]:
    """Says who reaches the gateway, and with which token; empty if only this host can reach it and
    it needs no token. ``own_ip`` is this host's address in its network."""
    lines = []
    if not is_loopback(host):
        reached = own_ip if _stands_for_all(host) else host
        if is_loopback(reached):  # a host without a network does not know
            reached = "<this host's address>"
        lines.append(f"Elsewhere     {url_of(reached, port)}   (not encrypted: docs/security.md)")
    if token_source is not None:
        lines.append(f"Access        `Authorization: Bearer <token>`, the token of {token_source}")
    return lines


def _stands_for_all(host: str) -> bool:
    return host != "localhost" and ipaddress.ip_address(host).is_unspecified
