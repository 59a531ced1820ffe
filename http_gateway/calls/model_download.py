"""A job's trained weights as a file that a client takes at its own pace."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from typing import IO

from actors.core.errors import Unavailable
from orchestrator.models.trained_model import TrainedModel, model_file


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
