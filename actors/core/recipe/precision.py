"""The precision in which a model computes; its weights and their optimiser stay float32."""

from __future__ import annotations

import contextlib

import torch

FP32, BF16 = "fp32", "bf16"
PRECISIONS = (FP32, BF16)


def computing(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """The context for forward passes: PyTorch's autocast chooses what to compute in bfloat16."""
    if precision == FP32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def for_loss(outputs: torch.Tensor) -> torch.Tensor:
    """A model's outputs in float32, for the loss and metrics."""
    return outputs.float() if outputs.dtype is torch.bfloat16 else outputs
