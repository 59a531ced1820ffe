"""Imports torchvision where its C++ extension is missing.

Beside a CPU-only torch from another index, the registry's torchvision can't load its extension
and fails at import on two operators whose schemas it expects. Data sets and transforms do not
use them, so declaring the schemas is enough. Nothing is done where the import works.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

_SCHEMA = "{}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[torch.library.Library] = []


def import_torchvision(module: str = "torchvision") -> ModuleType:
    """The named torchvision module, for data sets and transforms."""
    try:
        return importlib.import_module(module)
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        library.define(_SCHEMA.format(operator))  # type: ignore[no-untyped-call]
    _libraries.append(library)
    return importlib.import_module(module)
