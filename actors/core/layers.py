"""Builds the layers of a stage, with weights that do not depend on the split."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import nn

from actors.core.seeds import WEIGHTS_STREAM, derived_generator
from actors.core.specs import NetworkSpec


def build_layers(network: NetworkSpec, start: int, end: int) -> nn.Sequential:
    """Layers ``[start, end)``: each a ``Linear``, followed by a ``ReLU`` unless it is the last.

    Modules are named by their place in the whole network (``0``, ``1``, ``2`` …, linear layer i
    being ``2 * i``), so that the parameters of all stages together are the state dict of one
    plain ``nn.Sequential(Linear, ReLU, Linear, …)``.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for layer in range(start, end):
        modules[str(2 * layer)] = _build_linear(network, layer)
        if layer < network.num_layers - 1:
            modules[str(2 * layer + 1)] = nn.ReLU()
    return nn.Sequential(modules)


def _build_linear(network: NetworkSpec, layer: int) -> nn.Linear:
    """PyTorch's own initialisation of ``nn.Linear``, drawn from the layer's own stream.

    Both weight and bias are uniform in ±1/sqrt(num_inputs), which is what
    ``kaiming_uniform_(a=sqrt(5))`` comes to.
    """
    num_inputs, num_outputs = network.layer_sizes[layer], network.layer_sizes[layer + 1]
    linear = nn.Linear(num_inputs, num_outputs)
    generator = derived_generator(network.seed, WEIGHTS_STREAM, layer)
    bound = 1.0 / math.sqrt(num_inputs)
    with torch.no_grad():
        linear.weight.uniform_(-bound, bound, generator=generator)
        linear.bias.uniform_(-bound, bound, generator=generator)
    return linear
