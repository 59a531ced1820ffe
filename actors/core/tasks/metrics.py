"""The metrics, one entry each."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from actors.core.tasks.registry import MetricKind, Scored, add_metric

PART_NUMBERS = 2**16
SMALLEST_SPREAD = 1e-12
"""Targets that spread by no more than this part of their squares are constant, except for
rounding."""


def _right(scored: Scored) -> torch.Tensor:
    right = (scored.predicted == scored.targets).sum()
    return _totals(right, scored.targets.numel())


def _top5_right(scored: Scored) -> torch.Tensor:
    best = scored.outputs.topk(5, dim=1).indices
    return _totals((best == scored.targets.unsqueeze(1)).sum(), len(scored.targets))


def _positives(scored: Scored) -> torch.Tensor:
    """True positives, predicted positives and actual positives."""
    predicted, actual = scored.predicted, scored.targets == 1
    return _totals((predicted & actual).sum(), predicted.sum(), actual.sum())


def _f1(totals: torch.Tensor) -> float:
    """2 · right / (predicted + actual), which is 2PR / (P + R)."""
    right, predicted, actual = totals.tolist()
    return _ratio(2 * right, predicted + actual)


def _differences(scored: Scored) -> torch.Tensor:
    total = sum(float((predicted - targets).abs().sum()) for predicted, targets in _parts(scored))
    return _totals(total, scored.count)


def _squares(scored: Scored) -> torch.Tensor:
    """By columns ``[4, numbers]``: rows, targets, their squares, the squared differences."""
    found = torch.zeros(4, scored.targets.shape[1], dtype=torch.float64)
    for predicted, targets in _parts(scored):
        found[0] += len(targets)
        found[1] += targets.sum(dim=0)
        found[2] += targets.square().sum(dim=0)
        found[3] += (predicted - targets).square_().sum(dim=0)
    return found


def _r2(totals: torch.Tensor) -> float:
    """1 - Σ(y - ŷ)² / Σ(y - mean y)², the mean over the columns, as scikit-learn's ``r2_score``."""
    rows, targets, squared, left = totals
    spread = squared - targets.square() / rows
    if bool((spread <= SMALLEST_SPREAD * squared).any()):
        return math.nan
    return float((1.0 - left / spread).mean())


def _losses(scored: Scored) -> torch.Tensor:
    return _totals(scored.loss * scored.count, scored.count)


def _perplexity(totals: torch.Tensor) -> float:
    loss = _mean(totals)
    return math.exp(loss) if loss < math.log(2.0) * 1024 else math.inf


def _mean(totals: torch.Tensor) -> float:
    total, count = totals.tolist()
    return _ratio(total, count)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _totals(*values: torch.Tensor | float) -> torch.Tensor:
    return torch.tensor([float(value) for value in values], dtype=torch.float64)


def _parts(scored: Scored) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Decisions and targets in float64, some rows at a time, so that they take little memory; on
    the CPU, for not every accelerator has float64."""
    rows = max(1, PART_NUMBERS // scored.targets.shape[1])
    for start in range(0, len(scored.targets), rows):
        own = slice(start, start + rows)
        yield scored.predicted[own].cpu().double(), scored.targets[own].cpu().double()


add_metric(
    MetricKind(
        "accuracy",
        "the share of right answers: of samples, labels or tokens",
        ("classes", "labels", "tokens"),
        _right,
        _mean,
    )
)
add_metric(
    MetricKind(
        "top5_accuracy",
        "the share of samples whose class is one of the five most probable",
        ("classes",),
        _top5_right,
        _mean,
        fits=lambda outputs: outputs.shape[0] > 5,
    )
)
add_metric(
    MetricKind(
        "f1",
        "2PR / (P + R), with precision and recall over all labels together (micro)",
        ("labels",),
        _positives,
        _f1,
    )
)
add_metric(
    MetricKind(
        "mae",
        "the mean absolute difference",
        ("numbers",),
        _differences,
        _mean,
        larger_is_better=False,
    )
)
add_metric(
    MetricKind(
        "r2",
        "the share of the targets' variance that is explained (null where they don't vary)",
        ("numbers",),
        _squares,
        _r2,
    )
)
add_metric(
    MetricKind(
        "perplexity",
        "e to the power of the mean loss of a token",
        ("tokens",),
        _losses,
        _perplexity,
        larger_is_better=False,
    )
)
