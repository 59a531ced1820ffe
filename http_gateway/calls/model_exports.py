"""Files of trained models that PyTorch has to write: each by a process of its own, which ends with
its caller."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from actors.core.errors import InvalidRequest, Unavailable
from http_gateway.calls.own_process import OwnProcess
from http_gateway.calls.ray_predictions import transfer_s
from orchestrator.exports.exporter import Exporter
from orchestrator.models.trained_model import ModelFacts

LIMIT_S = 300.0  # to start, to import PyTorch and to trace the model, whatever its size
REMEDY = "take the format safetensors"
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
    process = OwnProcess(Exporter, "exporter", "exports", REMEDY)
    with folder as name:
        path = Path(name) / FILE
        try:
            written = process.actor().write.remote(model, record, model_format, str(path))
            process.result(written, time.monotonic() + LIMIT_S + transfer_s(facts), gone)
        finally:
            process.end()
        return path.open("rb")
