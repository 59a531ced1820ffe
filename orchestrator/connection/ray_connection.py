"""Joins a Ray cluster as an ordinary driver, within a time, or says why not."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path
from typing import Any

from actors.core.addresses import HostPort, is_loopback, parse_host_port
from actors.core.errors import error_text
from orchestrator.cluster.cluster_tokens import show_token
from orchestrator.cluster.embedded_nodes import is_listening
from orchestrator.cluster.ray_start import explain_mismatch, is_refused
from orchestrator.connection.foreign_variables import may_be_the_cause
from orchestrator.connection.own_address import own_ips
from orchestrator.connection.ray_probe import refuses_ray
from orchestrator.connection.ray_words import ray_words_kept
from orchestrator.errors import ClusterUnavailable, InvalidRequest

CONNECT_TIMEOUT_S = 25.0  # the user learns it within half a minute, with this process's start
NAMESPACE = "tandem"


def connect(
    address: str,
    timeout_s: float = CONNECT_TIMEOUT_S,
    runtime_env: dict[str, Any] | None = None,
    log: Path | None = None,
) -> str | None:
    """Makes this process a driver of the cluster at ``address`` (host:port).

    Ray's own output to stderr goes to ``log`` in the meantime, if there is one. Returns the address
    of Ray's dashboard, None if it is off. Ray's environment variables must be set before, because
    Ray reads them when it is imported. Raises ``ClusterUnavailable`` with the remedy.
    """
    check_reachable(address)
    outcome: list[str | BaseException] = []
    arguments = (address, runtime_env, outcome)
    thread = threading.Thread(target=_init, args=arguments, daemon=True)
    with ray_words_kept(log):
        thread.start()
        thread.join(timeout_s)
    _handle_sigterm_again()
    kept = log is not None and log.is_file()
    more = f". Ray's own messages are in {log}" if kept else ""
    if not outcome:
        raise ClusterUnavailable(
            f"Ray at {address} did not answer within {timeout_s:.0f} s: "
            f"{_token_remedy(address)}{may_be_the_cause(os.environ)}{more}"
        )
    if isinstance(outcome[0], BaseException):
        raise ClusterUnavailable(
            f"This host can't join Ray at {address}: {_explain(outcome[0], address)}{more}"
        ) from outcome[0]
    return f"http://{outcome[0]}" if outcome[0] else None


def other_ray_addresses(own: str | None = None) -> list[str]:
    """Addresses of the Ray clusters with a node on this host, but for ``own``."""
    from ray._private.services import find_gcs_addresses  # reads the command lines of processes

    return sorted(address for address in find_gcs_addresses() if address != own)


def check_reachable(address: str) -> None:
    """Raises ``ClusterUnavailable`` with the remedy when nothing answers at ``address``."""
    try:
        where = parse_host_port(address)
    except InvalidRequest as error:
        raise ClusterUnavailable(error.message) from error
    if not is_listening(where.host, where.port):
        raise ClusterUnavailable(
            f"Nothing answers at the Ray address {address}: {_elsewhere(where)}on the head run "
            f"`tandem head` (or ray start --head --port={where.port} --node-manager-port=5001), "
            f"and check that its firewall lets port {where.port} through"
        )
    if (why := refuses_ray(where.host, where.port)) is not None:
        raise ClusterUnavailable(
            f"What listens at {address} does not answer as a Ray head does, for {why}. Is it the "
            "address that `tandem head` printed?"
        )


def _elsewhere(where: HostPort) -> str:
    """The head's new address, if the head seems to be on this host and the host's address has
    changed."""
    others = [parse_host_port(address) for address in other_ray_addresses()]
    here = own_ips()
    found = next(
        (a for a in others if a.port == where.port and a.host in here and not is_loopback(a.host)),
        None,
    )
    if found is None:
        return ""
    return f"a head of this host is at {found} now, so try --ray-address {found}; if not that, "


def _explain(error: BaseException, address: str) -> str:
    own = error_text(error)
    words = " ".join([own, *str(error.__cause__).split()])  # there Ray says why it failed
    if is_refused(words):
        return f"the token is missing or incorrect; {_token_remedy(address)}"
    return explain_mismatch(words) or (
        f"{own[:250]}. Is it a Ray node itself (ray start --address={address} "
        f"--node-manager-port=5001)? If so: {_token_remedy(address)}{may_be_the_cause(os.environ)}"
    )


def _token_remedy(address: str) -> str:
    return (
        f"has this process the cluster's token{_own_token()}? That of a `tandem head` is shown "
        f"there by `{show_token(address)}`, another one is in ~/.ray/auth_token; give it here by "
        "RAY_AUTH_TOKEN"
    )


def _handle_sigterm_again() -> None:
    """Ray has put its own handler before this process's, which aborts the process 3 s later."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _own_token() -> str:
    """What the user's variables say about the token."""
    if (mode := os.environ.get("RAY_AUTH_MODE")) not in (None, "", "token"):
        return f" (RAY_AUTH_MODE is {mode!r} here, so that it sends none)"
    return " (it has that of RAY_AUTH_TOKEN)" if os.environ.get("RAY_AUTH_TOKEN") else ""


def _init(
    address: str, runtime_env: dict[str, Any] | None, outcome: list[str | BaseException]
) -> None:
    import ray

    try:
        context = ray.init(
            address=address,
            namespace=NAMESPACE,
            runtime_env=runtime_env,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        outcome.append(context.dashboard_url or "")
    except BaseException as error:
        outcome.append(error)
