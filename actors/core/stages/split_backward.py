"""The backward pass in two halves: first the gradient of the inputs, later those of the weights.

The first half asks autograd for the gradients with respect to a stage's inputs and to the outputs
of its layers with parameters, and so leaves the parameters out. The second half of a linear layer
``z = x Wᵀ + b`` with gradient ``g`` of ``z`` is ``gᵀ x`` and the sum of g's rows. For any other
layer autograd computes it, from the place of its outputs in the graph, which is kept until then.
Both compute the same as a whole backward pass, so the bits are the same.

If a module with further layers inside uses parameters itself, they have no such place: their
gradients come with the first half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn
from torch.autograd.graph import GradientEdge, get_gradient_edge


@dataclass(frozen=True)
class LayerCall:
    """A layer with parameters: what it was given, the ``dtype`` of what it gave, and the place of
    its outputs in autograd's graph, which does not keep the outputs themselves."""

    layer: nn.Module
    inputs: torch.Tensor
    edge: GradientEdge
    dtype: torch.dtype

    @property
    def has_formula(self) -> bool:
        """Linear over a batch of vectors, in the precision of its weights."""
        if type(self.layer) is not nn.Linear or self.inputs.ndim != 2:
            return False
        return self.dtype == self.inputs.dtype == self.layer.weight.dtype


class WeightGrad(Protocol):
    """Gradients of a layer's parameters that have yet to be computed."""

    @property
    def output_grad(self) -> torch.Tensor:
        """The gradient by the layer's outputs, which they are computed from."""
        ...

    def add(self) -> None:
        """Adds its gradients to those of the parameters."""
        ...


@dataclass(frozen=True)
class LinearWeightGrad:
    """By formula, from the layer's inputs ``[n, k]`` and the gradient of its outputs ``[n, m]``."""

    layer: nn.Linear
    inputs: torch.Tensor
    output_grad: torch.Tensor

    @torch.no_grad()
    def add(self) -> None:
        """One product, and a sum for the bias."""
        if self.layer.weight.requires_grad:
            _add(self.layer.weight, self.output_grad.t().mm(self.inputs))
        if self.layer.bias is not None and self.layer.bias.requires_grad:
            _add(self.layer.bias, self.output_grad.sum(0))


@dataclass(frozen=True)
class GraphWeightGrad:
    """By autograd, from the gradient of the layer's outputs."""

    parameters: tuple[nn.Parameter, ...]
    edge: GradientEdge
    output_grad: torch.Tensor

    def add(self) -> None:
        """Keeps the graph: layers share it, and it goes with the last of them."""
        grads = torch.autograd.grad(
            [self.edge], self.parameters, [self.output_grad], retain_graph=True
        )
        for parameter, grad in zip(self.parameters, grads, strict=True):
            _add(parameter, grad)


@dataclass(frozen=True)
class NotedPass:
    """What a forward pass leaves for a backward pass in halves. ``others`` are parameters that
    belong to no innermost layer that was called: another module may use them without calling it, as
    PyTorch's multi-head attention does with its last linear layer."""

    calls: tuple[LayerCall, ...]
    others: tuple[nn.Parameter, ...]


@dataclass(frozen=True)
class InputGrad:
    """The first half's results; ``by_inputs`` is None where the inputs need no gradient."""

    by_inputs: torch.Tensor | None
    left: tuple[WeightGrad, ...]
    """The work of the second half."""


class LayerNotes:
    """Notes, in forward passes of ``layers``, what its layers with parameters are given."""

    def __init__(self, layers: nn.Sequential) -> None:
        self._layers = layers
        self._calls: list[LayerCall] = []
        inner = _innermost(layers)
        self._hooks = [layer.register_forward_hook(self._note) for layer in inner]

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, NotedPass]:
        """The forward pass, and what a backward pass in halves needs of it."""
        outputs: torch.Tensor = self._layers(inputs)
        calls, self._calls = tuple(self._calls), []
        noted = {id(p) for call in calls for p in call.layer.parameters()}
        others = tuple(p for p in _trained(self._layers) if id(p) not in noted)
        return outputs, NotedPass(calls, others)

    def close(self) -> None:
        """Ends the noting."""
        for hook in self._hooks:
            hook.remove()

    def _note(self, layer: nn.Module, given: tuple[Any, ...], outputs: torch.Tensor) -> None:
        if outputs.requires_grad:
            edge = get_gradient_edge(outputs)
            self._calls.append(LayerCall(layer, given[0].detach(), edge, outputs.dtype))


def input_grad(
    inputs: torch.Tensor, outputs: torch.Tensor, noted: NotedPass, grad: torch.Tensor | None
) -> InputGrad:
    """The first half; ``outputs`` may be the loss computed from them, with ``grad`` None."""
    needs_grad = inputs.requires_grad
    wanted: list[Any] = [get_gradient_edge(inputs)] if needs_grad else []
    wanted += [call.edge for call in noted.calls]
    wanted += noted.others
    keeps_graph = not all(call.has_formula for call in noted.calls)
    grads = list(torch.autograd.grad(outputs, wanted, grad, retain_graph=keeps_graph))
    by_inputs = grads.pop(0) if needs_grad else None
    for parameter in reversed(noted.others):
        _add(parameter, grads.pop())
    left = [_weight_grad(call, g) for call, g in zip(noted.calls, grads, strict=True)]
    return InputGrad(by_inputs, tuple(left))


def _weight_grad(call: LayerCall, output_grad: torch.Tensor) -> WeightGrad:
    if call.has_formula:
        assert isinstance(call.layer, nn.Linear)
        return LinearWeightGrad(call.layer, call.inputs, output_grad)
    return GraphWeightGrad(_trained(call.layer), call.edge, output_grad)


def _innermost(layers: nn.Module) -> list[nn.Module]:
    """The modules that have parameters to train and no modules inside."""
    return [
        module
        for module in layers.modules()
        if not any(True for _ in module.children()) and _trained(module)
    ]


def _trained(layers: nn.Module) -> tuple[nn.Parameter, ...]:
    return tuple(p for p in layers.parameters() if p.requires_grad)


def _add(parameter: torch.Tensor, grad: torch.Tensor) -> None:
    if parameter.grad is None:
        parameter.grad = grad
    else:
        parameter.grad += grad
