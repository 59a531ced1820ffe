"""The registry of optimisers, and the optimiser with which a stage steps.

The arithmetic is that of the functions behind ``torch.optim``. Its classes import PyTorch's
compiler when the first one is made, which would cost every LayerActor over two seconds of its
start. A test compares the two bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from actors.core.fields import Field
from actors.core.recipe.kind_spec import KindSpec, Objection, none

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Slot:
    """Something that an optimiser keeps of each parameter: a tensor of its shape, or with
    ``is_scalar`` a count of steps, which stays in the host's memory.

    It begins as ``fill`` everywhere; where that is None, with the first step.
    """

    name: str
    fill: float | None = 0.0
    is_scalar: bool = False

    def begin(self, parameter: torch.Tensor) -> torch.Tensor | None:
        """Before the first step."""
        if self.is_scalar:
            return torch.tensor(self.fill, dtype=torch.float32)
        if self.fill is None:
            return None
        return torch.full_like(parameter, self.fill, memory_format=torch.preserve_format)


STEP = Slot("step", is_scalar=True)


@dataclass(frozen=True)
class Update:
    """One step: parameters, their gradients and what is kept of them, in one order; entries of
    ``kept`` are written in place."""

    parameters: list[torch.Tensor]
    gradients: list[torch.Tensor]
    kept: Mapping[str, list[Any]]
    learning_rate: float
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class OptimizerKind:
    """An optimiser. ``learning_rate`` is its default, ``fields`` are its arguments by torch's names
    with torch's defaults, and ``slots`` names the state that it keeps for each parameter. ``plain``
    is the class with the same arithmetic, for a plain PyTorch loop."""

    name: str
    says: str
    learning_rate: float
    fields: Mapping[str, Field]
    slots: Callable[[Mapping[str, Any]], tuple[Slot, ...]]
    update: Callable[[Update], None]
    plain: Callable[..., torch.optim.Optimizer]
    objection: Objection = field(default=none)


OPTIMIZERS: dict[str, OptimizerKind] = {}
"""By name. The modules of ``actors.core.recipe.optimizers``, and code from outside, add to it."""


def add_optimizer(kind: OptimizerKind) -> None:
    """Makes an optimiser known by its name; a name is taken once."""
    assert kind.name not in OPTIMIZERS, f"there is an optimiser {kind.name} already"
    OPTIMIZERS[kind.name] = kind


def slots_of(spec: KindSpec) -> tuple[Slot, ...]:
    """The state that the optimiser keeps for each parameter."""
    return OPTIMIZERS[spec.kind].slots(spec.keywords)


def num_copies(spec: KindSpec) -> int:
    """How many values the optimiser keeps for each value of a parameter."""
    return sum(not slot.is_scalar for slot in slots_of(spec))


class Optimizer:
    """Steps some parameters, and keeps what it needs to go on."""

    def __init__(
        self,
        spec: KindSpec,
        parameters: Mapping[str, torch.Tensor],
        state: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        """``parameters`` by name; ``state`` is what an earlier optimiser's ``state`` gave."""
        self._update = OPTIMIZERS[spec.kind].update
        self._arguments = spec.keywords
        self._slots = slots_of(spec)
        self._parameters = dict(parameters)
        self._kept: dict[str, list[torch.Tensor | None]] = {
            slot.name: [_taken(slot, n, p, state or {}) for n, p in parameters.items()]
            for slot in self._slots
        }

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """One update of all parameters by their gradients."""
        parameters = list(self._parameters.values())
        if not parameters:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        assert len(gradients) == len(parameters), "backward comes first"
        for slot in self._slots:
            kept = self._kept[slot.name]
            kept[:] = [
                slot.begin(p) if k is None else k for p, k in zip(parameters, kept, strict=True)
            ]
        self._update(Update(parameters, gradients, self._kept, learning_rate, self._arguments))

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        for parameter in self._parameters.values():
            parameter.grad = None

    def state(self, copied: Callable[[torch.Tensor], torch.Tensor] = torch.clone) -> Tensors:
        """Copies of what is kept of each parameter, as ``<slot>.<name>``; empty before the first
        step. ``copied`` copies a tensor that is where its parameter is to the host's memory."""
        return {
            f"{slot.name}.{name}": tensor.clone() if slot.is_scalar else copied(tensor)
            for slot in self._slots
            for name, tensor in zip(self._parameters, self._kept[slot.name], strict=True)
            if tensor is not None
        }


def _taken(
    slot: Slot, name: str, parameter: torch.Tensor, state: Mapping[str, torch.Tensor]
) -> torch.Tensor | None:
    kept = state.get(f"{slot.name}.{name}")
    if kept is None:
        return None
    return kept.clone() if slot.is_scalar else kept.to(parameter, copy=True)
