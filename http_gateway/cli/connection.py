"""The gateway that a command speaks to: where it is, a client of it, and why it does not answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests

from actors.core.errors import InvalidRequest, Unavailable
from http_gateway.api_token import users_token
from http_gateway.auth import TOKEN_VARIABLE, is_loopback
from http_gateway.cli.options import DEFAULT_URL, URL_VARIABLE
from http_gateway.client import TandemClient

TIMEOUT_S = 30.0


@contextmanager
def make_client(url: str | None) -> Iterator[TandemClient]:
    """A client of the gateway at ``url``, or where else ``gateway_url`` finds it, with the user's
    token.

    Raises ``InvalidRequest`` for an address that is none, and ``Unavailable`` in the place of
    requests' own errors.
    """
    base_url = gateway_url(url)
    with TandemClient(base_url, timeout_s=TIMEOUT_S, token=users_token()) as client:
        try:
            yield client
        except requests.RequestException as error:
            raise Unavailable(no_answer_text(base_url, error)) from error


def gateway_url(
    url: str | None, default: str = DEFAULT_URL, default_name: str = "the default"
) -> str:
    """``url``, else TANDEM_URL, else the default; raises ``InvalidRequest`` with the name of the
    one that is no address."""
    set_url = os.environ.get(URL_VARIABLE)
    found = url or set_url or default
    try:
        parts = urlsplit(found)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port out of range, half an IPv6 address
        valid = False
    if not valid:
        source = "--url" if url else URL_VARIABLE if set_url else default_name
        raise InvalidRequest(f"{source} is {found!r}, but must be an address like {DEFAULT_URL}")
    return found.rstrip("/")


def no_answer_text(url: str, error: requests.RequestException) -> str:
    """Why there was no answer of the API, and what to do, in one sentence."""
    if isinstance(error, requests.exceptions.ProxyError):
        return (
            f"The proxy that HTTP_PROXY or HTTPS_PROXY names does not reach {url}: name the "
            "gateway's host in NO_PROXY"
        )
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return f"What answers at {url} is not Tandem's gateway: give its address by --url"
    if isinstance(error, requests.ReadTimeout):
        return f"The gateway at {url} did not answer in time: its own messages may say why"
    start = "start one with `tandem serve`"
    if not is_loopback(urlsplit(url).hostname or ""):
        start = (
            "let one listen on the network there, with `tandem serve --host 0.0.0.0` and "
            f"{TOKEN_VARIABLE}"
        )
    return (
        f"No gateway answers at {url}: {start}, or give the address of another by --url or "
        f"{URL_VARIABLE}"
    )
