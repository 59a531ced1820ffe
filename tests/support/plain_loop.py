"""The oracle: the same network trained by a plain PyTorch loop over the same microbatches."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatch

import torch
from torch import nn

from actors.core.model.blocks import build_blocks, drawing_layers, num_blocks
from actors.core.model.model_spec import ModelSpec
from actors.core.model.randomness import Moment, seed_draws
from actors.core.recipe.recipe import Recipe
from actors.core.sources.samples import Samples
from actors.core.sources.views import SampleView
from actors.core.stages.batches import epoch_batches, validation_chunks
from actors.core.stages.specs import SessionSpec
from actors.core.transform_spec import Draws
from tests.support.plain_tasks import plain_count, plain_loss, plain_metrics
from tests.support.sources import fitting


@dataclass
class PlainResult:
    """Per-epoch losses and metrics, the loss of every step, and the final state dict."""

    train_losses: list[float] = field(default_factory=list)
    metrics: list[dict[str, float | None]] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    weights: dict[str, torch.Tensor] = field(default_factory=dict)


def train_plainly(
    network: ModelSpec, session: SessionSpec, dataset: Samples, num_steps: int | None = None
) -> PlainResult:
    """One process, one model, no pipeline; float32 on the CPU with the session's threads.

    After ``num_steps`` it stops, as a session that is stopped does.
    """
    torch.set_num_threads(session.threads)
    session = fitting(session, network)
    view = session.views.targets
    model = build_blocks(network, 0, num_blocks(network))
    now = Moment()
    drawing = drawing_layers(network, 0, num_blocks(network))
    seed_draws(model, drawing, network.seed, lambda: now)
    recipe = session.recipe
    _freeze(model, recipe)
    plain_class = getattr(torch.optim, recipe.optimizer.kind)
    optimizer = plain_class(model.parameters(), **recipe.optimizer.keywords)
    inputs, targets = (torch.from_numpy(a) for a in (dataset.train.inputs, dataset.train.targets))
    result = PlainResult()
    for epoch in range(session.epochs):
        loss_sum, averaged = 0.0, 0
        model.train()
        for step, microbatches in enumerate(epoch_batches(session, epoch)):
            if len(result.step_losses) == num_steps:
                return _with_weights(result, model)
            optimizer.zero_grad()
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate(epoch * session.num_steps + step, session.length.total)
            step_loss = 0.0
            index = session.first_epoch_index + epoch
            told = [_given(session, view, targets, m.samples, index) for m in microbatches]
            counts = [plain_count(session.task, own) for own in told]
            for m, own, count in zip(microbatches, told, counts, strict=True):
                now = Moment(index, step, m.index)
                given = _given(session, session.views.inputs, inputs, m.samples, index)
                outputs = _forward(model, given, recipe)
                loss = plain_loss(session.task, outputs, own, recipe.label_smoothing)
                if len(microbatches) > 1:
                    loss = loss * (count / sum(counts))
                loss.backward()
                step_loss += loss.item()
            _clip(model, recipe)
            optimizer.step()
            result.step_losses.append(step_loss)
            loss_sum += step_loss * sum(counts)
            averaged += sum(counts)
        result.train_losses.append(loss_sum / averaged)
        _validate(model, session, dataset, result)
    return _with_weights(result, model)


def _given(
    session: SessionSpec,
    view: SampleView,
    stored: torch.Tensor,
    samples: torch.Tensor,
    epoch: int,
) -> torch.Tensor:
    return view.prepare(view.gather(stored, samples, Draws(session.seed, epoch)))


def _forward(model: nn.Module, inputs: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
        outputs: torch.Tensor = model(inputs)
    return outputs.float() if outputs.dtype is torch.bfloat16 else outputs


def _freeze(model: nn.Module, recipe: Recipe) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not any(fnmatch(name, pattern) for pattern in recipe.freeze))


def _clip(model: nn.Module, recipe: Recipe) -> None:
    if recipe.clip_grad_value is not None:
        torch.nn.utils.clip_grad_value_(model.parameters(), recipe.clip_grad_value)
    if recipe.clip_grad_norm is not None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_grad_norm)


def _with_weights(result: PlainResult, model: nn.Module) -> PlainResult:
    result.weights = {name: t.detach().clone() for name, t in model.state_dict().items()}
    return result


def _validate(
    model: nn.Module,
    session: SessionSpec,
    dataset: Samples,
    result: PlainResult,
) -> None:
    model.eval()
    inputs, targets = (torch.from_numpy(a) for a in (dataset.val.inputs, dataset.val.targets))
    views = session.views.for_validation()
    view, target_view = views.inputs, views.targets
    loss_sum, count, outputs, told = 0.0, 0, [], []
    with torch.no_grad():
        for chunk in validation_chunks(session):
            rows = view.prepare(view.gather(inputs, chunk))
            outputs.append(_forward(model, rows, session.recipe))
            told.append(target_view.prepare(target_view.gather(targets, chunk)))
            loss = plain_loss(session.task, outputs[-1], told[-1])
            loss_sum += loss.item() * plain_count(session.task, told[-1])
            count += plain_count(session.task, told[-1])
    others = plain_metrics(session.task, torch.cat(outputs), torch.cat(told))
    result.metrics.append({"loss": loss_sum / count, **others})
