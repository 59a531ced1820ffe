"""Registers this host's devices for ``tandem join --register``, once it is in the cluster."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from actors.core.addresses import parse_host_port
from actors.core.errors import TandemError, error_text
from http_gateway.access.addresses import url_of
from http_gateway.access.auth import CURL_HEADER
from http_gateway.cli.connection import gateway_url, make_client
from http_gateway.cli.options import GATEWAY_PORT
from http_gateway.client import ApiError, TandemClient
from orchestrator.connection.own_address import own_ip
from orchestrator.errors import ALREADY_REGISTERED

CONFLICT = 409


@dataclass(frozen=True)
class Registration:
    """Registers this host's devices, by their ``ports``, with a job of the gateway at ``url``;
    ``head`` is the host:port that they have joined, ``ip`` this host's if it was chosen."""

    job_id: str
    url: str
    head: str
    ports: Sequence[int]
    ip: str | None = None

    @classmethod
    def at(
        cls, url: str | None, head: str, job_id: str, ports: Sequence[int], ip: str | None = None
    ) -> Registration:
        """At ``url``, otherwise TANDEM_URL, otherwise on the head's host; raises
        ``InvalidRequest``."""
        default = url_of(parse_host_port(head).host, GATEWAY_PORT)
        found = gateway_url(url, default, "the gateway's address, made of HEAD,")
        return cls(job_id, found, head, ports, ip)

    def register(self) -> str:
        """Returns whether it was done. If not, it says why and how to do it by hand, and does not
        raise: the devices have joined in any case."""
        ip = own_ip(self.head, self.ip)  # as Ray, which has taken this one
        registered = 0
        try:
            with make_client(self.url) as client:
                for port in self.ports:
                    self._register(client, ip, port)
                    registered += 1
        except (TandemError, ApiError) as error:
            by_hand = (f"  {self._curl(ip, port)}" for port in self.ports[registered:])
            return "\n".join(
                [
                    f"This device is not registered with job {self.job_id}: "
                    f"{error_text(error).rstrip('.')}.",
                    "This device stays in the cluster. To register it, on the gateway's host:",
                    *by_hand,
                ]
            )
        return f"Registered with job {self.job_id}."

    def _register(self, client: TandemClient, ip: str, port: int) -> None:
        """Or it was done before, as where this host was started again."""
        try:
            client.register_device(ip=ip, port=port, job_id=self.job_id)
        except ApiError as error:
            if (error.status, error.message) != (CONFLICT, ALREADY_REGISTERED):
                raise

    def _curl(self, ip: str, port: int) -> str:
        """For the gateway's own host, because the gateway may listen only there; the header does no
        harm there."""
        body = {"ip": ip, "port": port, "job_id": self.job_id}
        url = f"http://localhost:{urlsplit(self.url).port or GATEWAY_PORT}/api/devices/register"
        words = ["curl", "-X", "POST", url, "-H", "Content-Type: application/json"]
        return f"{shlex.join([*words, '-d', json.dumps(body)])} {CURL_HEADER}"
