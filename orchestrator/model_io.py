"""What can be done with trained weights once nothing trains."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from actors.core.errors import InvalidRequest
from actors.core.layers import build_layers
from actors.core.specs import NetworkSpec
from actors.core.stage import Weights
from orchestrator.job_spec import JobSpec
from orchestrator.trained_model import ModelFacts, TrainedModel

Array = np.ndarray[Any, Any]


def facts_of(spec: JobSpec) -> ModelFacts:
    """What a job's network takes and gives."""
    normalization = spec.normalization
    sizes = tuple(spec.network.layer_sizes)
    return ModelFacts(sizes, normalization.mean, normalization.std, spec.dataset)


def trained_model(spec: JobSpec, weights: Weights) -> TrainedModel:
    """Views of the weights' own memory."""
    arrays = {name: tensor.detach().numpy() for name, tensor in weights.items()}
    return TrainedModel(facts_of(spec), arrays)


class Network:
    """A trained network that classifies raw features (pixels 0..255, as the data is stored)."""

    def __init__(self, model: TrainedModel) -> None:
        self._facts = model.facts
        network = NetworkSpec(model.facts.layer_sizes)
        self._layers = build_layers(network, 0, network.num_layers)
        with torch.no_grad():
            for name, parameter in self._layers.named_parameters():
                parameter.copy_(torch.tensor(model.weights[name]))

    def predict(self, rows: Array, first: int = 0) -> tuple[Array, Array]:
        """Classes and probabilities of float32 rows, of which ``first`` is the first one's index.

        Raises ``InvalidRequest`` when nothing finite comes out.
        """
        pixels = torch.tensor(rows)
        scaled = pixels.div_(255.0).sub_(self._facts.mean).div_(self._facts.std)
        with torch.no_grad():
            probabilities = self._layers(scaled).softmax(dim=1)
        _check_finite(probabilities, first)
        return probabilities.argmax(dim=1).numpy(), probabilities.numpy()


def _check_finite(probabilities: torch.Tensor, first: int) -> None:
    """JSON has no NaN."""
    for index, finite in enumerate(probabilities.isfinite().all(dim=1).tolist()):
        if not finite:
            raise InvalidRequest(
                f"inputs[{first + index}] is too large for the network's float32: it takes raw "
                "features, such as pixels from 0 to 255"
            )
