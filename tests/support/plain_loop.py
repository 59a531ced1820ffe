"""The oracle: the same network trained by a plain PyTorch loop over the same microbatches."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional

from actors.core.batches import epoch_batches, normalize, validation_chunks
from actors.core.datasets import Dataset
from actors.core.model.blocks import build_blocks, drawing_layers, num_blocks
from actors.core.model.model_spec import ModelSpec, TensorSpec
from actors.core.model.randomness import Moment, seed_draws
from actors.core.specs import SessionSpec


@dataclass
class PlainResult:
    """Per-epoch losses and accuracies, the loss of every step, and the final state dict."""

    train_losses: list[float] = field(default_factory=list)
    val_losses: list[float] = field(default_factory=list)
    val_accuracies: list[float] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    weights: dict[str, torch.Tensor] = field(default_factory=dict)


def train_plainly(
    network: ModelSpec, session: SessionSpec, dataset: Dataset, num_steps: int | None = None
) -> PlainResult:
    """One process, one model, no pipeline; float32 on the CPU with the session's threads.

    After ``num_steps`` it stops, as a session that is stopped does.
    """
    torch.set_num_threads(session.threads)
    model = build_blocks(network, 0, num_blocks(network))
    now = Moment()
    drawing = drawing_layers(network, 0, num_blocks(network))
    seed_draws(model, drawing, network.seed, lambda: now)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=session.learning_rate, momentum=session.momentum
    )
    images, labels = (torch.from_numpy(a) for a in (dataset.train.images, dataset.train.labels))
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
                inputs = normalize(images[m.samples], session.normalization, network.inputs)
                logits = model(inputs)
                loss = functional.cross_entropy(logits, labels[m.samples])
                if len(microbatches) > 1:
                    loss = loss * m.weight
                loss.backward()
                step_loss += loss.item()
            optimizer.step()
            result.step_losses.append(step_loss)
            loss_sum += step_loss * sum(len(m.samples) for m in microbatches)
        result.train_losses.append(loss_sum / session.num_train)
        _validate(model, session, dataset, result, network.inputs)
    return _with_weights(result, model)


def _with_weights(result: PlainResult, model: nn.Module) -> PlainResult:
    result.weights = {name: t.detach().clone() for name, t in model.state_dict().items()}
    return result


def _validate(
    model: nn.Module,
    session: SessionSpec,
    dataset: Dataset,
    result: PlainResult,
    sample: TensorSpec,
) -> None:
    model.eval()
    images, labels = (torch.from_numpy(a) for a in (dataset.val.images, dataset.val.labels))
    loss_sum, correct = 0.0, 0
    with torch.no_grad():
        for chunk in validation_chunks(session):
            logits = model(normalize(images[chunk], session.normalization, sample))
            loss = functional.cross_entropy(logits, labels[chunk])
            loss_sum += loss.item() * len(labels[chunk])
            correct += int((logits.argmax(dim=1) == labels[chunk]).sum())
    result.val_losses.append(loss_sum / session.num_val)
    result.val_accuracies.append(correct / session.num_val)
