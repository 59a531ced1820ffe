"""A trained model as a zip that works without Tandem: weights, script, card, facts."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.exports.model_card import model_card, title
from orchestrator.exports.plain_code import WEIGHTS_FILE, load_script
from orchestrator.models.trained_model import TrainedModel, model_file

READABLE = 0o644


def write_bundle(model: TrainedModel, record: Mapping[str, Any], path: Path) -> None:
    """The same model gives the same bytes: entries have no times. Raises ``InvalidRequest``."""
    script = load_script(model.facts, title(record), record["data"]["class_names"])
    texts = {
        "MODEL_CARD.md": model_card(record),
        "model.json": json.dumps(record, indent=2, ensure_ascii=False) + "\n",
        "load.py": script,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts.items():
            archive.writestr(_entry(name), text)
        with archive.open(_entry(WEIGHTS_FILE), "w", force_zip64=True) as member:
            for part in model_file(model):
                member.write(part)


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = READABLE << 16
    return info
