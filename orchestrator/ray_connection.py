"""Joins a Ray cluster as an ordinary driver, within a time, or says why not."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path
from typing import Any

from actors.core.errors import error_text
from orchestrator.cluster_tokens import show_token
from orchestrator.embedded_nodes import is_listening
from orchestrator.errors import ClusterUnavailable
from orchestrator.ray_probe import refuses_ray
from orchestrator.ray_start import explain_mismatch, is_refused
from orchestrator.ray_words import ray_words_kept

CONNECT_TIMEOUT_S = 25.0  # told within half a minute, with the start of this process
NAMESPACE = "tandem"


def connect(
    address: str,
    timeout_s: float = CONNECT_TIMEOUT_S,
    runtime_env: dict[str, Any] | None = None,
    log: Path | None = None,
) -> str | None:
    """Makes this process a driver of the cluster at ``address`` (host:port).

    What Ray itself writes to stderr meanwhile goes to ``log``, if there is one. Returns the address
    of Ray's dashboard, None where it is off. Ray's environment variables must be set before, for
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
    more = f". Ray's own words are in {log}" if kept else ""
    if not outcome:
        raise ClusterUnavailable(
            f"Ray at {address} did not answer within {timeout_s:.0f} s: "
            f"{_token_remedy(address)}{more}"
        )
    if isinstance(outcome[0], BaseException):
        raise ClusterUnavailable(
            f"This host can't join Ray at {address}: {_explain(outcome[0], address)}{more}"
        ) from outcome[0]
    return f"http://{outcome[0]}" if outcome[0] else None


def other_ray_addresses(own: str | None = None) -> list[str]:
    """Addresses of the Ray clusters with a node on this host, but for ``own``."""
    from ray._private.services import find_gcs_addresses

    return sorted(address for address in find_gcs_addresses() if address != own)


def own_ip(towards: str | None = None) -> str:
    """The address by which Ray knows, or would know, this host: where it has several, the one on
    its way to the head ``towards`` (host:port), for the head itself that to the internet."""
    from ray.util import get_node_ip_address

    return str(get_node_ip_address(towards))


def check_reachable(address: str) -> None:
    """Raises ``ClusterUnavailable`` with the remedy when nothing answers at ``address``."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ClusterUnavailable(
            f"The Ray address {address!r} is not of the form host:port, e.g. 192.168.1.5:6379"
        )
    if not is_listening(host, int(port)):
        raise ClusterUnavailable(
            f"Nothing answers at the Ray address {address}: on the head run `tandem head` (or ray "
            f"start --head --port={port} --node-manager-port=5001), and see that its firewall lets "
            f"port {port} through"
        )
    if (why := refuses_ray(host, int(port))) is not None:
        raise ClusterUnavailable(
            f"What listens at {address} does not answer as a Ray head does, for {why}. Is it the "
            "address that `tandem head` printed?"
        )


def _explain(error: BaseException, address: str) -> str:
    own = error_text(error)
    words = " ".join([own, *str(error.__cause__).split()])  # there Ray says why it failed
    if is_refused(words):
        return f"the token is missing or incorrect; {_token_remedy(address)}"
    return explain_mismatch(words) or (
        f"{own[:250]}. Is it a Ray node itself (ray start --address={address} "
        f"--node-manager-port=5001)? If so: {_token_remedy(address)}"
    )


def _token_remedy(address: str) -> str:
    return (
        "has this process the cluster's token? That of a `tandem head` is shown there by "
        f"`{show_token(address)}`, another one is in ~/.ray/auth_token; give it here by "
        "RAY_AUTH_TOKEN"
    )


def _handle_sigterm_again() -> None:
    """Ray has put a handler of its own before this process's, which aborts it 3 s later."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


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
