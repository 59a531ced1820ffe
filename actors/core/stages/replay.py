"""Repeats a job's training in a plain PyTorch loop: no stages, no schedule, no messages.

It shares with the stages what defines a job: the initial weights, the microbatches, the layout of
samples in their arrays, the task's loss, the learning rates and the seeds of layers that draw. It
shares nothing that computes: it has one model, the classes of ``torch.optim`` and autograd's whole
backward pass. It computes in parts only where the number of threads changes from one block to the
next.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from actors.core.feeding.rows import TrainingRows
from actors.core.model.blocks import build_blocks, drawing_layers, layers_between, num_blocks
from actors.core.model.freezing import learning_of
from actors.core.model.model_spec import ModelSpec
from actors.core.model.randomness import Moment, seed_draws
from actors.core.progress.snapshots import Cursor, Tensors
from actors.core.recipe.optimizer import OPTIMIZERS
from actors.core.recipe.precision import computing, for_loss
from actors.core.recipe.recipe import Recipe
from actors.core.sources.stored_rows import StoredRows
from actors.core.sources.views import SampleView
from actors.core.stages.batches import Microbatch, epoch_batches
from actors.core.stages.specs import SessionSpec
from actors.core.tasks.loss import Loss
from actors.core.transform_spec import Draws


@dataclass(frozen=True)
class LayerThreads:
    """Blocks ``[start, end)`` are computed with this number of threads."""

    start: int
    end: int
    threads: int


@dataclass(frozen=True)
class ThreadsFrom:
    """The threads of all layers from a session's step ``first_step`` (from 0) on."""

    first_step: int
    layers: tuple[LayerThreads, ...]


@dataclass(frozen=True)
class ReplaySession:
    """The first ``num_steps`` of a session; ``threads`` begins with step 0."""

    spec: SessionSpec
    num_steps: int
    threads: tuple[ThreadsFrom, ...]

    def layers_at(self, step: int) -> tuple[LayerThreads, ...]:
        """The threads in force in a step of the session, from 0."""
        return next(t.layers for t in reversed(self.threads) if t.first_step <= step)


@dataclass(frozen=True)
class ReplayPlan:
    """Sessions in their order since the weights were drawn; the weights are kept after
    ``weights_at`` steps, if that is not None."""

    model: ModelSpec
    sessions: tuple[ReplaySession, ...]
    weights_at: int | None = None


@dataclass(frozen=True)
class Replayed:
    """The loss of every step that was done; ``weights`` is None where their step was not reached
    or they were not asked for."""

    losses: tuple[float, ...]
    weights: Tensors | None


@dataclass(frozen=True)
class ThreadedPart:
    """Neighbouring blocks with one number of threads."""

    layers: nn.Sequential
    threads: int


@dataclass(frozen=True)
class _Data:
    """A session's rows, as they are stored."""

    inputs: TrainingRows
    targets: torch.Tensor
    spec: SessionSpec

    @property
    def loss(self) -> Loss:
        return Loss(self.spec.task, self.spec.recipe.label_smoothing)

    def inputs_of(self, microbatch: Microbatch, now: Moment) -> torch.Tensor:
        """Of a step at ``now``."""
        epoch = now.epoch - self.spec.first_epoch_index
        stored = self.inputs.at(epoch, now.step)
        return self._given(self.spec.views.inputs, stored, microbatch, now.epoch)

    def targets_of(self, microbatch: Microbatch, epoch: int) -> torch.Tensor:
        """Likewise."""
        return self._given(self.spec.views.targets, self.targets, microbatch, epoch)

    def _given(
        self, view: SampleView, stored: StoredRows, microbatch: Microbatch, epoch: int
    ) -> torch.Tensor:
        draws = Draws(self.spec.seed, epoch)
        return view.prepare(view.gather(stored, microbatch.samples, draws))


@dataclass
class _Now:
    """The moment that layers which draw look up."""

    moment: Moment = field(default_factory=Moment)


def replay(
    plan: ReplayPlan,
    inputs: Callable[[SessionSpec], TrainingRows],
    targets: torch.Tensor,
    may_go_on: Callable[[], bool] = lambda: True,
    initial: Tensors | None = None,
) -> Replayed:
    """Trains again from the seed, or from ``initial`` weights; ``inputs`` gives the rows of a
    session, and ``targets`` is the array of those of the training samples.

    It calls ``may_go_on`` after each step. Call it in a thread whose count of torch's threads
    nobody else uses.
    """
    spec_of_all, now = plan.model, _Now()
    model = build_blocks(spec_of_all, 0, num_blocks(spec_of_all))
    if initial is not None:
        model.load_state_dict(initial)
    drawing = drawing_layers(spec_of_all, 0, num_blocks(spec_of_all))
    seed_draws(model, drawing, spec_of_all.seed, lambda: now.moment)
    parts_of = functools.cache(lambda layers: threaded_parts(model, spec_of_all, layers))
    losses: list[float] = []
    weights = None
    for session in plan.sessions:
        spec = session.spec
        frozen = learning_of(spec_of_all, spec.recipe.freeze).frozen
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name not in frozen)
        data = _Data(inputs(spec), targets, spec)
        kind = OPTIMIZERS[spec.recipe.optimizer.kind]
        optimizer = kind.plain(model.parameters(), **spec.recipe.optimizer.keywords)
        for step, batch in enumerate(itertools.islice(_batches(spec), session.num_steps)):
            epoch, in_epoch = divmod(step, spec.num_steps)
            now.moment = Moment(spec.first_epoch_index + epoch, in_epoch)
            for group in optimizer.param_groups:
                group["lr"] = spec.learning_rate(Cursor(epoch, in_epoch))
            losses.append(_step(parts_of(session.layers_at(step)), optimizer, batch, data, now))
            if len(losses) == plan.weights_at:
                weights = {name: t.detach().clone() for name, t in model.state_dict().items()}
            if not may_go_on():
                return Replayed(tuple(losses), weights)
    return Replayed(tuple(losses), weights)


def _batches(spec: SessionSpec) -> Iterator[list[Microbatch]]:
    for epoch in range(spec.epochs):
        yield from epoch_batches(spec, epoch)


def threaded_parts(
    model: nn.Sequential, spec: ModelSpec, layers: Sequence[LayerThreads]
) -> list[ThreadedPart]:
    """Neighbours with one number of threads are one part."""
    parts = []
    for threads, group in itertools.groupby(layers, lambda own: own.threads):
        own = list(group)
        indices = layers_between(spec, own[0].start, own[-1].end)
        layers_alike = model[indices.start : indices.stop]
        assert isinstance(layers_alike, nn.Sequential)
        parts.append(ThreadedPart(layers_alike, threads))
    return parts


def _step(
    parts: Sequence[ThreadedPart],
    optimizer: torch.optim.Optimizer,
    microbatches: Sequence[Microbatch],
    data: _Data,
    now: _Now,
) -> float:
    """One update; the loss that it began with."""
    optimizer.zero_grad()
    loss = 0.0
    epoch = now.moment.epoch
    batch = data.loss.weighed([data.targets_of(m, epoch) for m in microbatches])
    for m, targets, weight in zip(microbatches, batch.targets, batch.weights, strict=True):
        now.moment = replace(now.moment, microbatch=m.index)
        inputs = data.inputs_of(m, now.moment)
        loss += _microbatch(parts, data, inputs, targets, weight)
    _clip(parts, data.spec.recipe)
    optimizer.step()  # each number by itself: threads do not matter
    return loss


def _clip(parts: Sequence[ThreadedPart], recipe: Recipe) -> None:
    """Uses ``torch.nn.utils``; a norm's bits depend on the threads that sum it."""
    parameters = [p for part in parts for p in part.layers.parameters()]
    if recipe.clip_grad_value is not None:
        torch.nn.utils.clip_grad_value_(parameters, recipe.clip_grad_value)
    if recipe.clip_grad_norm is None:
        return
    norms = []
    for part in parts:
        torch.set_num_threads(part.threads)
        own = (p.grad for p in part.layers.parameters())
        norms += [torch.linalg.vector_norm(grad) for grad in own if grad is not None]
    total = torch.linalg.vector_norm(torch.stack(norms))
    torch.nn.utils.clip_grads_with_norm_(parameters, recipe.clip_grad_norm, total)


def _microbatch(
    parts: Sequence[ThreadedPart],
    data: _Data,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    weight: float,
) -> float:
    """Adds its gradients to those of the parameters; returns its share of the batch's mean loss."""
    outputs = inputs
    held: list[tuple[torch.Tensor, torch.Tensor]] = []
    for part in parts:
        torch.set_num_threads(part.threads)
        inputs = outputs.detach().requires_grad_(outputs.requires_grad)
        with computing(data.spec.recipe.precision, inputs.device):
            outputs = part.layers(inputs)
        held.append((inputs, outputs))
    loss = data.loss(for_loss(outputs), targets)
    if weight != 1.0:
        loss = loss * weight
    held[-1] = (held[-1][0], loss)
    grad = None
    for part, (inputs, outputs) in zip(reversed(parts), reversed(held), strict=True):
        torch.set_num_threads(part.threads)
        if not outputs.requires_grad:
            break  # it and all before it is frozen
        outputs.backward(grad)  # type: ignore[no-untyped-call]
        grad = inputs.grad
    return loss.item()
