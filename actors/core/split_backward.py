"""The backward pass in two halves: the gradient by the inputs at once, those of weights later.

The first half is autograd's own, asked for the gradients by a stage's inputs and by the outputs
of its layers only, and so leaves the weights out. Of a linear layer ``z = x Wᵀ + b`` with gradient
``g`` by ``z`` the weights' half is ``gᵀ x`` and the sum of g's rows: the products that autograd
computes, too, so the bits are those of the whole backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.autograd.graph import GradientEdge, get_gradient_edge


@dataclass(frozen=True)
class LinearCall:
    """A linear layer's inputs ``[n, k]``, and the place of its outputs in autograd's graph, which
    does not keep the outputs themselves."""

    layer: nn.Linear
    inputs: torch.Tensor
    edge: GradientEdge


@dataclass(frozen=True)
class WeightGrad:
    """A weight gradient to be computed: of ``layer``, from its inputs ``[n, k]`` and the gradient
    by its outputs ``[n, m]``."""

    layer: nn.Linear
    inputs: torch.Tensor
    output_grad: torch.Tensor

    @torch.no_grad()
    def add(self) -> None:
        """Adds the gradients to those of the layer's parameters."""
        _add(self.layer.weight, self.output_grad.t().mm(self.inputs))
        _add(self.layer.bias, self.output_grad.sum(0))


@dataclass(frozen=True)
class InputGrad:
    """The first half's results; ``by_inputs`` is None where the inputs need no gradient."""

    by_inputs: torch.Tensor | None
    left: tuple[WeightGrad, ...]
    """What the second half is to do."""


def forward_noting_layers(
    layers: nn.Sequential, inputs: torch.Tensor
) -> tuple[torch.Tensor, tuple[LinearCall, ...]]:
    """The forward pass, float32 ``[n, k]`` -> ``[n, m]``, and what its linear layers were given."""
    calls = []
    for layer in layers:
        outputs = layer(inputs)
        if isinstance(layer, nn.Linear):
            calls.append(LinearCall(layer, inputs.detach(), get_gradient_edge(outputs)))
        else:
            assert not list(layer.parameters(recurse=True)), f"{layer} has gradients of its own"
        inputs = outputs
    return inputs, tuple(calls)


def input_grad(
    inputs: torch.Tensor,
    outputs: torch.Tensor,
    calls: Sequence[LinearCall],
    grad: torch.Tensor | None,
) -> InputGrad:
    """The first half, for what ``forward_noting_layers`` gave; frees the graph.

    ``outputs`` may be the loss computed from them, with ``grad`` None.
    """
    needs_grad = inputs.requires_grad
    edges = [call.edge for call in calls]
    wanted = [get_gradient_edge(inputs), *edges] if needs_grad else edges
    grads = torch.autograd.grad(outputs, wanted, grad)
    by_outputs = grads[-len(edges) :]
    left = [
        WeightGrad(call.layer, call.inputs, g) for call, g in zip(calls, by_outputs, strict=True)
    ]
    return InputGrad(grads[0] if needs_grad else None, tuple(left))


def _add(parameter: torch.Tensor, grad: torch.Tensor) -> None:
    if parameter.grad is None:
        parameter.grad = grad
    else:
        parameter.grad += grad
