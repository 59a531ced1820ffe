"""Writes the file of a trained model in a separate process; light enough for the gateway to
import."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actors.core.errors import Unavailable
from orchestrator.models.trained_model import TrainedModel


class Exporter:
    """A Ray actor of the gateway's. PyTorch is imported in its process only."""

    def write(
        self, model: TrainedModel, record: Mapping[str, Any], model_format: str, path: str
    ) -> None:
        """``record`` is what ``training_record`` made. Raises ``InvalidRequest`` for a model that
        can't be written in this format, ``Unavailable`` where the disk has no room."""
        from orchestrator.exports.formats import WRITERS

        try:
            WRITERS[model_format](model, record, Path(path))
        except OSError as error:
            raise Unavailable(
                f"The model can't be written to {tempfile.gettempdir()} ({error.strerror}): free "
                f"some space there, at least {model.facts.num_bytes / 1e6:,.0f} MB, or start the "
                "gateway with another TMPDIR"
            ) from error
