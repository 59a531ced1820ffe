"""A job's trained model as a file that a client takes at its own pace."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, Any

from actors.core.errors import Unavailable
from http_gateway.calls.model_exports import check_packages, exported_file
from http_gateway.calls.ray_predictions import transfer_s
from http_gateway.calls.turns import Turns
from http_gateway.operations.operation import CALL_TIMEOUT_S, ManagerCall
from orchestrator.models.trained_model import TrainedModel, model_file

DESCRIBE_MODEL = ManagerCall(name="describe_model", may_repeat=True, is_quick=True)
DESCRIBE_TRAINING = ManagerCall(name="describe_training", may_repeat=True)
WEIGHTS_ALONE = "safetensors"


class ModelDownloads:
    """Makes one file at a time. ``call`` is that of the JobManager's methods, ``refer`` returns a
    reference to what its ``get_model`` returns for these arguments."""

    def __init__(
        self,
        call: Callable[[ManagerCall, dict[str, Any]], Any],
        refer: Callable[[dict[str, Any]], Any],
    ) -> None:
        self._call, self._refer = call, refer
        self._turns = Turns("Models are read")

    def file(
        self,
        call: ManagerCall,
        job_id: str,
        format: str,
        checkpoint: str | None,
        gone: Callable[[], bool],
    ) -> IO[bytes]:
        """At its beginning; ``gone`` says that nobody waits for it."""
        check_packages(format)
        wanted = {"job_id": job_id, "checkpoint": checkpoint}
        facts = self._call(DESCRIBE_MODEL, wanted)
        with self._turns.turn(gone):
            if format == WEIGHTS_ALONE:
                timeout_s = CALL_TIMEOUT_S + transfer_s(facts)
                return spool(self._call(replace(call, timeout_s=timeout_s), wanted))
            record = self._call(DESCRIBE_TRAINING, wanted)
            told = record["checkpoint"]  # the job may train on: its card is of these weights
            named = wanted if told is None else {**wanted, "checkpoint": told["checkpoint_id"]}
            return exported_file(format, facts, self._refer(named), record, gone)


def spool(model: TrainedModel) -> IO[bytes]:
    """A safetensors file without a name, at its beginning: it goes when it is closed.

    On the disk, so that slow clients keep no memory. Raises ``Unavailable`` when it has no room.
    """
    try:
        with ExitStack() as on_error:
            file = on_error.enter_context(tempfile.TemporaryFile())
            for part in model_file(model):
                file.write(part)
            file.seek(0)
            on_error.pop_all()
    except OSError as error:
        raise Unavailable(
            f"The model file of {model.facts.num_bytes / 1e6:.0f} MB can't be written to "
            f"{tempfile.gettempdir()} ({error.strerror}): free some space there, or start the "
            "gateway with another TMPDIR"
        ) from error
    return file
