"""What can be done with trained weights once nothing trains: write them out, predict."""

from __future__ import annotations

import json
from typing import Any

import safetensors.torch
import torch

from actors.core.errors import InvalidRequest
from actors.core.layers import build_layers
from actors.core.stage import Weights
from orchestrator.job_spec import JobSpec


def model_file(spec: JobSpec, weights: Weights) -> bytes:
    """A safetensors file whose names are those of ``nn.Sequential(Linear, ReLU, Linear, …)``.

    Its metadata holds ``layer_sizes`` and ``normalize`` as JSON under ``tandem``.
    """
    about = {
        "layer_sizes": spec.network.layer_sizes,
        "normalize": {"mean": [spec.normalization.mean], "std": [spec.normalization.std]},
    }
    # One entry: safetensors writes several in no fixed order, and equal weights are equal files.
    return safetensors.torch.save(weights, {"tandem": json.dumps(about)})


def predict(spec: JobSpec, weights: Weights, inputs: list[list[float]]) -> dict[str, Any]:
    """Classes and probabilities for rows of raw features (pixels 0..255, as the data is stored).

    Raises ``InvalidRequest`` when a row has another length than the network's first layer, or
    values so large that nothing finite comes out.
    """
    num_features = spec.network.layer_sizes[0]
    for index, row in enumerate(inputs):
        if len(row) != num_features:
            raise InvalidRequest(
                f"inputs[{index}] has {len(row)} values, but the network takes {num_features}"
            )
    model = build_layers(spec.network, 0, spec.network.num_layers)
    model.load_state_dict(weights)
    pixels = torch.tensor(inputs, dtype=torch.float32)
    scaled = pixels.div_(255.0).sub_(spec.normalization.mean).div_(spec.normalization.std)
    with torch.no_grad():
        probabilities = model(scaled).softmax(dim=1)
    _check_finite(probabilities)
    return {
        "classes": probabilities.argmax(dim=1).tolist(),
        "probabilities": probabilities.tolist(),
    }


def _check_finite(probabilities: torch.Tensor) -> None:
    """JSON has no NaN."""
    for index, finite in enumerate(probabilities.isfinite().all(dim=1).tolist()):
        if not finite:
            raise InvalidRequest(
                f"inputs[{index}] is too large for the network's float32: it takes raw features, "
                "such as pixels from 0 to 255"
            )
