"""The oracle of tasks: losses by PyTorch's functions, metrics of all samples at once by numpy."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from actors.core.tasks.task_spec import TaskSpec


def plain_loss(
    task: TaskSpec, outputs: torch.Tensor, targets: torch.Tensor, label_smoothing: float = 0.0
) -> torch.Tensor:
    """The mean over what counts."""
    if task.kind == "classification":
        return functional.cross_entropy(outputs, targets, label_smoothing=label_smoothing)
    if task.kind == "next_token":
        return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())
    if task.kind == "regression":
        functions = {"mse": functional.mse_loss, "l1": functional.l1_loss}
        return functions[task.keywords["loss"]](outputs.view_as(targets), targets)
    logits = outputs.view_as(targets)
    return functional.binary_cross_entropy_with_logits(logits, targets.float())


def plain_count(task: TaskSpec, targets: torch.Tensor) -> int:
    """How many of them count."""
    if task.kind == "classification":
        return len(targets)
    return int((targets != -100).sum()) if task.kind == "next_token" else targets.numel()


def plain_metrics(
    task: TaskSpec, outputs: torch.Tensor, targets: torch.Tensor
) -> dict[str, float | None]:
    """All but the loss, of all validation samples."""
    if task.kind == "regression":
        return _of_numbers(outputs.view_as(targets).double(), targets.double())
    if task.kind in ("binary", "multilabel"):
        return _of_labels(outputs.view_as(targets) > 0, targets == 1)
    if task.kind == "next_token":
        logits, told = outputs.flatten(0, 1), targets.flatten()
        logits, told = logits[told != -100], told[told != -100]
        return {"accuracy": float((logits.argmax(1) == told).double().mean())}
    right = outputs.argmax(dim=1) == targets
    metrics: dict[str, float | None] = {"accuracy": int(right.sum()) / len(right)}
    if outputs.shape[1] > 5:
        best = outputs.argsort(dim=1, descending=True)[:, :5]
        metrics["top5_accuracy"] = int((best == targets[:, None]).any(dim=1).sum()) / len(right)
    return metrics


def _of_numbers(numbers: torch.Tensor, targets: torch.Tensor) -> dict[str, float | None]:
    left = (targets - numbers).square().sum(dim=0)
    spread = (targets - targets.mean(dim=0)).square().sum(dim=0)
    mae = float((targets - numbers).abs().mean())
    return {"mae": mae, "r2": float((1 - left / spread).mean())}


def _of_labels(predicted: torch.Tensor, there: torch.Tensor) -> dict[str, float | None]:
    right, both = int((predicted & there).sum()), int(predicted.sum()) + int(there.sum())
    f1 = 2 * right / both if both else math.nan
    return {"accuracy": float((predicted == there).double().mean()), "f1": f1}
