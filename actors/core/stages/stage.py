"""One stage: some contiguous blocks of the model, with forward, backward and update."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from actors.core.model.blocks import build_blocks, drawing_layers, empty_blocks
from actors.core.model.freezing import Learning, learning_of
from actors.core.model.randomness import Moment, seed_draws
from actors.core.progress.records import Untold
from actors.core.progress.snapshots import Cursor, StageSnapshot, Tensors
from actors.core.recipe.optimizer import Optimizer
from actors.core.recipe.precision import FP32, computing, for_loss
from actors.core.recipe.recipe import Recipe
from actors.core.stages.compute_device import CPU, ComputeDevice
from actors.core.stages.specs import StageSpec
from actors.core.stages.split_backward import LayerNotes, NotedPass, WeightGrad, input_grad
from actors.core.tasks.loss import Loss

Weights = Tensors
"""Parameters and buffers by their names in the whole model."""


@dataclass(frozen=True)
class _Held:
    """What a forward pass leaves for its backward pass."""

    inputs: torch.Tensor
    outputs: torch.Tensor
    noted: NotedPass | None
    """None if the backward pass is not split."""


class Stage:
    """Blocks ``[start, end)``, trained by a recipe on gradients summed over microbatches.

    Inputs, outputs and their gradients are on ``device``; weights and snapshots come and go by the
    host's memory.
    """

    def __init__(
        self,
        spec: StageSpec,
        weights: Weights | None = None,
        optimizer: Tensors | None = None,
        device: ComputeDevice = CPU,
    ) -> None:
        """Draws the weights from the model's seed, or takes them from ``weights``; ``optimizer``
        is the state from which the optimiser goes on, if it does."""
        self.spec = spec
        self.device = device
        self.layers = device.place(_layers(spec, weights))
        self._moment = Moment()
        self._seed_what_draws()
        self.max_held = 0
        self._held: dict[int, _Held] = {}
        self._left: dict[int, tuple[WeightGrad, ...]] = {}
        self._notes: LayerNotes | None = None
        self._precision = FP32
        self._learning = Learning(frozenset(), 0)
        self._optimizer: Optimizer | None = None
        self._optimizer_state = optimizer

    def start_session(self, recipe: Recipe, splits_backward: bool = False) -> None:
        """Forget what an earlier session left, but for the weights.

        Only with ``splits_backward`` may backward passes be done in halves.
        """
        self._held.clear()
        self._left.clear()
        self.max_held = 0
        self._precision = recipe.precision
        self._learning = learning_of(self.spec.model, recipe.freeze)
        named = dict(self.layers.named_parameters())
        for name, parameter in named.items():
            parameter.requires_grad_(name not in self._learning.frozen)
        if self._notes is not None:
            self._notes.close()
        self._notes = LayerNotes(self.layers) if splits_backward else None
        trained = {name: p for name, p in named.items() if p.requires_grad}
        self._optimizer = Optimizer(recipe.optimizer, trained, self._optimizer_state)
        self._optimizer.zero_grad()

    @property
    def computes_gradients(self) -> bool:
        """Whether it has a backward pass: not where it and all before it is frozen."""
        return self._learning.computes_gradients(self.spec.end)

    @property
    def passes_back(self) -> bool:
        """Whether the stage before it wants a gradient of it."""
        return self._learning.passes_back(self.spec.start)

    def forward(self, moment: Moment, inputs: torch.Tensor) -> torch.Tensor:
        """A batch of ``spec.inputs`` -> one of ``spec.outputs``; keeps what backward will need."""
        outputs, noted = self._run_layers(moment, inputs)
        if self.computes_gradients:
            self._hold(moment.microbatch, _Held(inputs, outputs, noted))
        return outputs.detach()

    def forward_loss(
        self,
        moment: Moment,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        loss: Loss,
        weight: float,
    ) -> float:
        """The last stage's forward pass: the microbatch's mean loss times ``weight``, its share of
        the batch, so that the microbatches' losses sum to the mean over the batch."""
        outputs, noted = self._run_layers(moment, inputs)
        mean = loss(for_loss(outputs), targets)
        share = mean if weight == 1.0 else mean * weight
        self._hold(moment.microbatch, _Held(inputs, share, noted))
        return share.item()

    def backward(self, microbatch: int, grad: torch.Tensor | None) -> torch.Tensor | None:
        """Adds the microbatch's gradients to those of the parameters.

        ``grad`` is the loss's gradient with respect to the stage's outputs (None for the last
        stage, whose output is the loss). Returns the gradient with respect to the stage's inputs
        (None for the first stage).
        """
        held = self._held.pop(microbatch)
        held.outputs.backward(grad)  # type: ignore[no-untyped-call]
        return held.inputs.grad

    def input_grad(self, microbatch: int, grad: torch.Tensor | None) -> torch.Tensor | None:
        """The first half of ``backward``: takes and returns the same, but leaves the parameters'
        gradients to ``weight_grad``. Until then the microbatch counts as held."""
        held = self._held.pop(microbatch)
        assert held.noted is not None, "start_session says that backward passes are split"
        half = input_grad(held.inputs, held.outputs, held.noted, grad)
        self._left[microbatch] = half.left
        return half.by_inputs

    def weight_grad(self, microbatch: int) -> None:
        """The second half: adds the microbatch's gradients to those of the parameters."""
        for left in self._left.pop(microbatch):
            left.add()

    def gradients(self) -> list[torch.Tensor]:
        """Those of the parameters, in the model's order; an update takes them as they are then."""
        return [p.grad for p in self.layers.parameters() if p.grad is not None]

    def update(self, learning_rate: float) -> None:
        """One optimiser step; clears the gradients."""
        assert self._optimizer is not None, "start_session comes first"
        self._optimizer.step(learning_rate)
        self._optimizer.zero_grad()

    def evaluate(self, inputs: torch.Tensor) -> torch.Tensor:
        """A batch of ``spec.inputs`` -> one of ``spec.outputs`` without keeping anything, as the
        model is used: nothing is dropped, norms go by their running statistics."""
        self._set_training(False)
        with torch.no_grad():
            outputs: torch.Tensor = self._compute(inputs)
        return for_loss(outputs) if self.spec.is_last else outputs

    def snapshot(self, cursor: Cursor, untold: Untold) -> StageSnapshot:
        """A copy of parameters, buffers and the optimiser's state, taken between steps."""
        optimizer = {} if self._optimizer is None else self._optimizer.state(self._copy)
        spec, weights = self.spec, self.weights()
        return StageSnapshot(spec.start, spec.end, cursor, weights, optimizer, untold)

    def weights(self) -> Weights:
        """A copy of parameters and buffers."""
        tensors = self.layers.state_dict()
        return {name: self._copy(tensor.detach()) for name, tensor in tensors.items()}

    def _copy(self, tensor: torch.Tensor) -> torch.Tensor:
        """In the host's ordinary memory, because long-lived tensors should be neither shared nor
        locked."""
        return self.device.give(tensor).clone()

    def _run_layers(
        self, moment: Moment, inputs: torch.Tensor
    ) -> tuple[torch.Tensor, NotedPass | None]:
        self._moment = moment
        self._set_training(True)
        if not self.computes_gradients:
            with torch.no_grad():
                return self._compute(inputs), None
        if self.passes_back:
            inputs.requires_grad_()
        if self._notes is None:
            return self._compute(inputs), None
        with computing(self._precision, inputs.device):
            return self._notes.forward(inputs)

    def _compute(self, inputs: torch.Tensor) -> torch.Tensor:
        with computing(self._precision, inputs.device):
            outputs: torch.Tensor = self.layers(inputs)
        return outputs

    def _set_training(self, training: bool) -> None:
        if self.layers.training is not training:
            self.layers.train(training)

    def _seed_what_draws(self) -> None:
        """Layers that draw random numbers have a stream for each microbatch, so that the numbers do
        not depend on the split."""
        spec = self.spec
        drawing = drawing_layers(spec.model, spec.start, spec.end)
        seed_draws(self.layers, drawing, spec.model.seed, lambda: self._moment)

    def _hold(self, microbatch: int, held: _Held) -> None:
        self._held[microbatch] = held
        self.max_held = max(self.max_held, len(self._held) + len(self._left))


def _layers(spec: StageSpec, weights: Weights | None) -> nn.Sequential:
    if weights is None:
        return build_blocks(spec.model, spec.start, spec.end)
    layers = empty_blocks(spec.model, spec.start, spec.end)
    layers.load_state_dict(weights)
    return layers
