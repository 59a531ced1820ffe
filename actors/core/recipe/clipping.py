"""Clips gradients like ``torch.nn.utils.clip_grad_value_`` and ``clip_grad_norm_``.

The norm is that of the whole model: its parts are gathered by parameter, in the model's order, and
summed at once, so that it does not depend on the stages.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

EPS = 1e-6
"""PyTorch's, so that a norm of 0 divides nothing by 0."""


@torch.no_grad()
def clip_values(gradients: Sequence[torch.Tensor], limit: float) -> None:
    """Each value to ``[-limit, limit]``."""
    for gradient in gradients:
        gradient.clamp_(-limit, limit)


@torch.no_grad()
def gradient_norms(gradients: Sequence[torch.Tensor]) -> torch.Tensor:
    """Each one's 2-norm, float32 ``[number of gradients]`` on the CPU."""
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    return torch.stack(norms).float().cpu() if norms else torch.empty(0)


@torch.no_grad()
def clip_factor(norms: torch.Tensor, max_norm: float) -> torch.Tensor:
    """The factor for every gradient of the model; ``norms`` are those of all."""
    factor = max_norm / (torch.linalg.vector_norm(norms) + EPS)
    return torch.clamp(factor, max=1.0)


@torch.no_grad()
def scale(gradients: Sequence[torch.Tensor], factor: torch.Tensor) -> None:
    """In place; ``factor`` is a scalar on the CPU."""
    for gradient in gradients:
        gradient.mul_(factor.to(gradient.device))
