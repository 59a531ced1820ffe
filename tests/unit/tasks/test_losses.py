from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional

from actors.core.tasks.loss import Loss
from actors.core.tasks.task_spec import CLASSIFICATION, TaskSpec
from tests.support.tasks import EXAMPLES, NEXT_TOKEN, REGRESSION, example

L1 = TaskSpec("regression", (("loss", "l1"), ("delta", 1.0)))
HUBER = TaskSpec("regression", (("loss", "huber"), ("delta", 0.5)))


def test_losses_are_those_of_pytorch() -> None:
    logits, classes = example(CLASSIFICATION, 7)
    assert torch.equal(
        Loss(CLASSIFICATION)(logits, classes), functional.cross_entropy(logits, classes)
    )
    smooth = functional.cross_entropy(logits, classes, label_smoothing=0.1)
    assert torch.equal(Loss(CLASSIFICATION, 0.1)(logits, classes), smooth)
    numbers, targets = example(REGRESSION, 7)
    assert torch.equal(Loss(REGRESSION)(numbers, targets), functional.mse_loss(numbers, targets))
    assert torch.equal(Loss(L1)(numbers, targets), functional.l1_loss(numbers, targets))
    huber = functional.huber_loss(numbers, targets, delta=0.5)
    assert torch.equal(Loss(HUBER)(numbers, targets), huber)


def test_one_number_a_sample_is_compared_with_targets_without_that_dimension() -> None:
    """PyTorch would silently compare every output with every target."""
    numbers, targets = torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0])
    assert Loss(REGRESSION)(numbers, targets).item() == 2.0
    logits, classes = torch.tensor([[0.0], [0.0]]), torch.tensor([0, 1])
    assert Loss(TaskSpec("binary"))(logits, classes).item() == pytest.approx(0.6931472)


@pytest.mark.parametrize("task", EXAMPLES, ids=lambda task: task.kind)
def test_weighted_microbatches_sum_to_the_mean_of_the_batch(task: TaskSpec) -> None:
    outputs, targets = example(task, 13)
    loss = Loss(task)
    cuts = [0, 1, 6, 13]
    parts = [slice(a, b) for a, b in itertools.pairwise(cuts)]
    batch = loss.weighed([targets[part] for part in parts])
    shares = [loss(outputs[p], targets[p]) * w for p, w in zip(parts, batch.weights, strict=True)]
    assert sum(batch.weights) == pytest.approx(1.0)
    assert batch.averaged == loss.count(targets)
    assert float(sum(shares)) == pytest.approx(loss(outputs, targets).item(), rel=1e-5)


def test_masked_tokens_weigh_nothing() -> None:
    targets = torch.tensor([[0, -100, 1], [-100, -100, -100], [2, 2, -100]])
    batch = Loss(NEXT_TOKEN).weighed([targets[:1], targets[1:2], targets[2:]])
    assert batch.weights == (0.5, 0.0, 0.5) and batch.averaged == 4


def test_where_nothing_counts_the_loss_and_its_gradients_are_zero() -> None:
    outputs = torch.randn(2, 3, 5, requires_grad=True)
    targets = torch.full((2, 3), -100)
    loss = Loss(NEXT_TOKEN)
    batch = loss.weighed([targets[:1], targets[1:]])
    assert batch.weights == (0.0, 0.0) and batch.averaged == 0
    mean = loss(outputs, targets)
    mean.backward()
    assert mean.item() == 0.0 and outputs.grad is not None and not outputs.grad.any()
