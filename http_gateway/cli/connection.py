"""The gateway that a command speaks to: where it is, a client of it, and why it does not answer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import requests
import typer
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import NameResolutionError, NewConnectionError

from actors.core.addresses import is_loopback
from actors.core.errors import InvalidRequest, Unavailable
from http_gateway.access.api_token import users_token
from http_gateway.access.auth import TOKEN_VARIABLE
from http_gateway.cli.options import DEFAULT_URL, URL_VARIABLE
from http_gateway.cli.showing.reporting import UNKNOWN_JOB, CommandEnd
from http_gateway.client import ApiError, TandemClient

TIMEOUT_S = 45.0  # longer than the gateway itself waits, because its answer says more
START_S = 5.0  # for a gateway that was called a moment ago, where someone waits for an answer
WATCH_S = 60.0  # where someone watches anyhow
READY_S = 60.0  # for one that is there, and does not answer yet or says that it is not ready
POLL_S = 0.2
UNAUTHORIZED = 401
NOT_FOUND = 404


@contextmanager
def make_client(url: str | None) -> Iterator[TandemClient]:
    """A client of the gateway at ``url``, or of the one that ``gateway_url`` finds, with the user's
    token.

    Raises ``InvalidRequest`` for a text that is no address, and ``Unavailable`` instead of
    requests' own errors.
    """
    base_url = gateway_url(url)
    token = users_token()
    with TandemClient(base_url, timeout_s=TIMEOUT_S, token=token) as client:
        try:
            yield client
        except ApiError as error:
            if error.status != UNAUTHORIZED:
                raise
            raise InvalidRequest(_token_text(base_url, token is not None)) from error
        except requests.RequestException as error:
            raise Unavailable(no_answer_text(base_url, error)) from error


@contextmanager
def waiting_client(url: str | None, patience_s: float | None = None) -> Iterator[TandemClient]:
    """The same, once there is a gateway; waits for one for ``patience_s`` or START_S.

    A gateway that is not ready after READY_S is used all the same, because its answer says more.
    """
    with make_client(url) as client:
        _wait_for_gateway(client, gateway_url(url), START_S if patience_s is None else patience_s)
        yield client


@contextmanager
def job_client(
    job_id: str, url: str | None, patience_s: float | None = None
) -> Iterator[TandemClient]:
    """The same, for a command about one job: raises ``CommandEnd`` if the job doesn't exist."""
    with waiting_client(url, patience_s) as client:
        try:
            if "/" in job_id:  # a server takes it for two parts of the path, however it is quoted
                raise ApiError(NOT_FOUND, "no such job")
            yield client
        except ApiError as error:
            missing = error.status == NOT_FOUND
            known = [job["job_id"] for job in client.list_jobs()] if missing else []
            if not missing or job_id in known:
                raise
            raise CommandEnd(_unknown_job_text(job_id, known), UNKNOWN_JOB) from error


def _wait_for_gateway(client: TandemClient, url: str, patience_s: float) -> None:
    def patience(error: Exception) -> float:
        there = isinstance(error, ApiError | requests.ReadTimeout)
        return READY_S if there else patience_s

    def tell(error: Exception) -> None:
        why = waiting_text(url, error)
        typer.echo(f"tandem: {why}; waiting up to {patience(error):.0f} s", err=True)

    with suppress(ApiError):
        client.wait_until_ready(patience, POLL_S, tell)


def waiting_text(url: str, error: Exception) -> str:
    """Why a gateway is waited for, without an end of the sentence."""
    if isinstance(error, ApiError):
        return f"The gateway at {url} is not ready yet: {error.message.rstrip('.')}"
    if isinstance(error, requests.ReadTimeout):
        return f"The gateway at {url} is slow to answer{_https_hint(url)}"
    here = is_loopback(urlsplit(url).hostname or "")
    return f"No gateway answers at {url} yet" + (" (`tandem serve` starts one)" if here else "")


def gateway_url(
    url: str | None, default: str = DEFAULT_URL, default_name: str = "the default"
) -> str:
    """``url``, otherwise TANDEM_URL, otherwise the default; raises ``InvalidRequest`` with the name
    of the one that is no address."""
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


def never_sent(error: requests.RequestException) -> bool:
    """Whether nothing can have come of the request: there was no connection."""
    connect_timeout = isinstance(error, requests.ConnectTimeout)
    return connect_timeout or isinstance(_reason(error), NewConnectionError)


def _reason(error: requests.RequestException) -> object:
    """urllib3's, which requests wraps."""
    return getattr(error.args[0] if error.args else None, "reason", None)


def no_answer_text(url: str, error: requests.RequestException) -> str:
    """Why there was no answer of the API, and what to do, in one sentence."""
    host = urlsplit(url).hostname or ""
    if (told := _proxy_text(url, error)) is not None:
        return told
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return f"The server at {url} is not Tandem's gateway: give its address by --url"
    if isinstance(error, requests.ReadTimeout):
        hint = _https_hint(url) or ": its messages may say why"
        return f"The gateway at {url} did not answer in time{hint}"
    if isinstance(_reason(error), NameResolutionError):
        return (
            f"This host can't find {urlsplit(url).hostname}, which {url} names: check the spelling"
        )
    start = "start one with `tandem serve`"
    if not is_loopback(host):
        start = (
            "let one listen on the network there, with `tandem serve --host 0.0.0.0` and "
            f"{TOKEN_VARIABLE}"
        )
    return (
        f"No gateway answers at {url}: {start}, or give the address of another by --url or "
        f"{URL_VARIABLE}"
    )


def _proxy_text(url: str, error: requests.RequestException) -> str | None:
    """What is wrong with the proxy for requests to ``url``; None if the proxy is not the cause."""
    by_proxy = isinstance(error, requests.exceptions.ProxyError)
    variable = _proxy_variable(url) or ("HTTP_PROXY or HTTPS_PROXY" if by_proxy else None)
    if variable is None or isinstance(error, requests.exceptions.InvalidJSONError):
        return None
    return (
        f"The way to {url} leads by the proxy that {variable} names, and no answer came that way "
        f"({_proxy_trouble(error)}): to go without it, export NO_PROXY={urlsplit(url).hostname}"
    )


def _proxy_variable(url: str) -> str | None:
    """The variable with the proxy that requests to ``url`` go by; None where they go by none."""
    if is_loopback(urlsplit(url).hostname or ""):
        return None
    proxy = select_proxy(url, get_environ_proxies(url))
    names = (name for name, value in os.environ.items() if name.lower().endswith("_proxy"))
    return next((name for name in names if proxy is not None and os.environ[name] == proxy), None)


def _proxy_trouble(error: requests.RequestException) -> str:
    """Without its address, which may contain a password."""
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "it is a SOCKS proxy, and the Python package PySocks is missing"
    if isinstance(error, requests.exceptions.InvalidURL):
        return "it isn't an address"
    return "it took too long" if isinstance(error, requests.Timeout) else "it does not answer"


def _unknown_job_text(job_id: str, known: Sequence[str]) -> str:
    has = f"it has {', '.join(known[-10:])}" if known else "it has none"
    return f"The gateway has no job {job_id!r}; {has}"


def _https_hint(url: str) -> str:
    return " (a gateway itself speaks http, not https)" if url.startswith("https:") else ""


def _token_text(url: str, sent: bool) -> str:
    what = "does not accept the token in these settings" if sent else "asks for its token"
    return (
        f"The gateway at {url} {what}: set {TOKEN_VARIABLE} here to the token that it was started "
        f"with, or name a file that holds it by {TOKEN_VARIABLE}_FILE"
    )
