"""The oracle: the same network trained by a plain PyTorch loop over the same microbatches."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional

from actors.core.batches import epoch_batches, validation_chunks
from actors.core.model.blocks import build_blocks, drawing_layers, num_blocks
from actors.core.model.model_spec import ModelSpec
from actors.core.model.randomness import Moment, seed_draws
from actors.core.sources.samples import Samples
from actors.core.specs import SessionSpec
from tests.support.sources import fitting


@dataclass
class PlainResult:
    """Per-epoch losses and accuracies, the loss of every step, and the final state dict."""

    train_losses: list[float] = field(default_factory=list)
    val_losses: list[float] = field(default_factory=list)
    val_accuracies: list[float] = field(default_factory=list)
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
    view, target_view = session.views.inputs, session.views.targets
    model = build_blocks(network, 0, num_blocks(network))
    now = Moment()
    drawing = drawing_layers(network, 0, num_blocks(network))
    seed_draws(model, drawing, network.seed, lambda: now)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=session.learning_rate, momentum=session.momentum
    )
    inputs, targets = (torch.from_numpy(a) for a in (dataset.train.inputs, dataset.train.targets))
    result = PlainResult()
    for epoch in range(session.epochs):
        loss_sum = 0.0
        model.train()
        for step, microbatches in enumerate(epoch_batches(session, epoch)):
            if len(result.step_losses) == num_steps:
                return _with_weights(result, model)
            optimizer.zero_grad()
            step_loss = 0.0
            for m in microbatches:
                now = Moment(session.first_epoch_index + epoch, step, m.index)
                logits = model(view.prepare(view.gather(inputs, m.samples)))
                loss = functional.cross_entropy(logits, target_view.gather(targets, m.samples))
                if len(microbatches) > 1:
                    loss = loss * m.weight
                loss.backward()
                step_loss += loss.item()
            optimizer.step()
            result.step_losses.append(step_loss)
            loss_sum += step_loss * sum(len(m.samples) for m in microbatches)
        result.train_losses.append(loss_sum / session.num_train)
        _validate(model, session, dataset, result)
    return _with_weights(result, model)


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
    loss_sum, correct = 0.0, 0
    with torch.no_grad():
        for chunk in validation_chunks(session):
            view, own = session.views.inputs, session.views.targets.gather(targets, chunk)
            logits = model(view.prepare(view.gather(inputs, chunk)))
            loss = functional.cross_entropy(logits, own)
            loss_sum += loss.item() * len(own)
            correct += int((logits.argmax(dim=1) == own).sum())
    result.val_losses.append(loss_sum / session.num_val)
    result.val_accuracies.append(correct / session.num_val)
