"""A job's trained weights as they travel from the JobManager, and as a file. Needs no PyTorch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BYTES_PER_VALUE = 4
BLOCK_BYTES = 64 * 2**20
MAX_BLOCK_ROWS = 1024
_HEADER_ALIGNMENT = 8


@dataclass(frozen=True)
class ModelFacts:
    """What a network takes and gives; ``dataset`` names what it was trained on."""

    layer_sizes: tuple[int, ...]
    mean: float
    std: float
    dataset: str

    @property
    def num_features(self) -> int:
        return self.layer_sizes[0]

    @property
    def num_classes(self) -> int:
        return self.layer_sizes[-1]

    @property
    def num_bytes(self) -> int:
        """Of the weights."""
        pairs = zip(self.layer_sizes, self.layer_sizes[1:], strict=False)
        return BYTES_PER_VALUE * sum((inputs + 1) * outputs for inputs, outputs in pairs)

    @property
    def block_rows(self) -> int:
        """So many rows at once take little memory, whatever the network's width."""
        row_bytes = BYTES_PER_VALUE * sum(self.layer_sizes)
        return max(1, min(MAX_BLOCK_ROWS, BLOCK_BYTES // row_bytes))


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """``weights`` by the names of ``nn.Sequential(Linear, ReLU, Linear, …)``: what numpy holds, Ray
    hands over without another copy."""

    facts: ModelFacts
    weights: dict[str, np.ndarray[Any, Any]]


def model_file(model: TrainedModel) -> list[memoryview]:
    """A safetensors file, in parts that follow one another.

    Its metadata holds ``layer_sizes`` and ``normalize`` as JSON under ``tandem``.
    """
    facts = model.facts
    about = {
        "layer_sizes": facts.layer_sizes,
        "normalize": {"mean": [facts.mean], "std": [facts.std]},
    }
    return safetensors_file(model.weights, {"tandem": json.dumps(about)})


def safetensors_file(
    arrays: Mapping[str, np.ndarray[Any, Any]], metadata: Mapping[str, str] | None = None
) -> list[memoryview]:
    """8 bytes, the header's length; the header, JSON, padded with spaces; the arrays, float32.

    The parts are views of the arrays' memory: ``safetensors``'s own functions copy everything,
    while they hold Python's lock. A test holds the two against each other byte by byte.
    """
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    parts, offset = [], 0
    for name, array in sorted(arrays.items()):
        assert array.dtype == np.float32, name
        part = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        end = offset + part.nbytes
        header[name] = {"dtype": "F32", "shape": [*array.shape], "data_offsets": [offset, end]}
        parts.append(part)
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _HEADER_ALIGNMENT)
    return [memoryview(len(text).to_bytes(8, "little") + text), *parts]
