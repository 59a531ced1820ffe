"""Asks which Ray nodes answer now. Ray's own table notices a dead node late, and a frozen one even
later."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor, wait

from orchestrator.cluster.embedded_nodes import is_listening
from orchestrator.devices.node_probe import start_probe
from orchestrator.devices.placement import Node

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 4.0  # a node without an idle worker process has to start one


def answering_nodes(nodes: Collection[Node], timeout_s: float = ANSWER_TIMEOUT_S) -> set[str]:
    """The ids of those that run a small task in time.

    A dead node refuses the connection at once, so that nothing is sent there.
    """
    deadline = time.monotonic() + timeout_s
    with ThreadPoolExecutor(max(1, len(nodes))) as pool:
        listening = pool.map(lambda n: is_listening(n.ip, n.port, CONNECT_TIMEOUT_S), nodes)
        probes = {
            start_probe(node.node_id): node.node_id
            for node, is_up in zip(nodes, listening, strict=True)
            if is_up
        }
    done, _ = wait(probes, timeout=max(0.0, deadline - time.monotonic()))
    return {probes[probe] for probe in done if probe.exception() is None}
