"""Layers that are run on the meta device: to see what they do, without memory and without values.

Its first use in a process imports PyTorch's compiler, which takes about two seconds: the
JobManager's business, never a LayerActor's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from actors.core.model.model_spec import DTYPES, LayerSpec, TensorSpec
from actors.core.model.registry import make_layer


def trial_layers(layers: Sequence[LayerSpec]) -> nn.Sequential:
    """Their modules, training."""
    with torch.device("meta"):
        return nn.Sequential(*(make_layer(spec) for spec in layers)).train()


def trial_batch(sample: TensorSpec, rows: int) -> torch.Tensor:
    """So many samples."""
    return torch.empty(rows, *sample.shape, dtype=DTYPES[sample.dtype], device="meta")
