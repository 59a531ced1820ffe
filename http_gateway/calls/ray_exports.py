"""Files of trained models that PyTorch has to write: each by a process of its own, which ends with
its caller."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.errors import InvalidRequest, TandemError, Unavailable
from http_gateway.calls.ray_predictions import transfer_s
from http_gateway.calls.turns import GONE_TEXT, LOOK_S
from orchestrator.exports.exporter import Exporter
from orchestrator.identity import draw_identity
from orchestrator.models.trained_model import ModelFacts

LIMIT_S = 300.0  # to start, to import PyTorch and to trace the model, whatever its size
COLLECT_S = 10.0
FILE = "model.pt2"  # PyTorch wants this ending of a program's file
ONNX_PACKAGES = ("onnx", "onnxscript")


def check_packages(model_format: str) -> None:
    """Raises ``InvalidRequest`` where the gateway lacks what a format needs."""
    if model_format != "onnx":
        return
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidRequest(
            f"format is onnx, which needs {' and '.join(missing)} on the gateway's host: run pip "
            "install 'tandem-train[onnx]' there and start the gateway again, or take torch_export"
        )


def exported_file(
    model_format: str,
    facts: ModelFacts,
    model: Any,
    record: Mapping[str, Any],
    gone: Callable[[], bool],
) -> IO[bytes]:
    """At its beginning; it has no name, and goes when it is closed. ``model`` is a reference to
    the ``TrainedModel``. Raises ``InvalidRequest``, ``Unavailable``."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="tandem-export-", ignore_cleanup_errors=True)
    except OSError as error:
        raise Unavailable(
            f"No folder can be made in {tempfile.gettempdir()} ({error.strerror}): free some space "
            "there, or start the gateway with another TMPDIR"
        ) from error
    with folder as name:
        path = Path(name) / FILE
        exporter = _started()
        try:
            written = exporter.write.remote(model, record, model_format, str(path))
            _wait(written, time.monotonic() + LIMIT_S + transfer_s(facts), gone)
        finally:
            if ray.is_initialized():
                ray.kill(exporter, no_restart=True)
        return path.open("rb")


def _started() -> Any:
    """On the gateway's host, whose disk it shares with the gateway."""
    node_id = ray.get_runtime_context().get_node_id()
    actor_class: Any = ray.remote(Exporter)
    return actor_class.options(
        name=draw_identity("exporter"),
        num_cpus=0,
        max_restarts=0,
        max_task_retries=0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False),
    ).remote()


def _wait(written: Any, deadline: float, gone: Callable[[], bool]) -> None:
    while not ray.wait([written], timeout=LOOK_S)[0]:
        if gone():
            raise Unavailable(GONE_TEXT)
        if time.monotonic() > deadline:
            raise Unavailable(
                "The export took too long and was ended: try again when the gateway's host has "
                "less to do, or take the format safetensors"
            )
    try:
        ray.get(written, timeout=COLLECT_S)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, TandemError):
            raise error.cause from error
        raise
    except ray.exceptions.RayError as error:
        raise Unavailable(
            f"The process that exports has ended, or could not be started ({error}). If that was "
            "for lack of memory, free some on the gateway's host, or take the format safetensors"
        ) from error
