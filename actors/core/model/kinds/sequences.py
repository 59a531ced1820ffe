"""Layers that make a sequence [length, features], lengthen it, or make one vector of it."""

from __future__ import annotations

import torch
from torch import nn

from actors.core.fields import choice, count, flag
from actors.core.model.following import following
from actors.core.model.kinds.convolution import channels
from actors.core.model.kinds.dense import last_size
from actors.core.model.registry import LayerKind, add_kind

CLASS_TOKEN_STD = 0.02


class PatchEmbedding(nn.Module):
    """An image's square patches, row by row, each through one linear map (Dosovitskiy et al. 2021):
    a convolution whose stride is its kernel.
    """

    def __init__(self, in_channels: int, embed_dim: int, patch_size: int, bias: bool) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.proj = nn.Conv2d(in_channels, embed_dim, patch_size, patch_size, bias=bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[n, channels, height, width] -> [n, patches, embed_dim]."""
        if inputs.shape[2] % self.patch_size or inputs.shape[3] % self.patch_size:
            raise ValueError(
                f"an image of {inputs.shape[2]} x {inputs.shape[3]} can't be cut into patches of "
                f"{self.patch_size} x {self.patch_size}: use a patch_size that divides both"
            )
        outputs: torch.Tensor = self.proj(inputs).flatten(2).transpose(1, 2)
        return outputs


class ClassToken(nn.Module):
    """Puts a learned vector before a sequence; drawn from N(0, 0.02)."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(embed_dim))
        nn.init.normal_(self.weight, std=CLASS_TOKEN_STD)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[n, length, embed_dim] -> [n, 1 + length, embed_dim]."""
        first = self.weight.expand(inputs.shape[0], 1, -1)
        return torch.cat([first, inputs], dim=1)


class SequencePool(nn.Module):
    """One vector of a sequence: its mean, its first, which may be a class token, or its last."""

    def __init__(self, pooling: str) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[n, length, features] -> [n, features]."""
        if self.pooling == "mean":
            return inputs.mean(dim=1)
        return inputs[:, 0 if self.pooling == "first" else -1]


add_kind(
    LayerKind(
        "PatchEmbedding",
        "an image's square patches as a sequence, each through one linear map",
        PatchEmbedding,
        {
            "in_channels": following(channels),
            "embed_dim": count(),
            "patch_size": count(maximum=4096),
            "bias": flag(True),
        },
        ranks=(3,),
    )
)
add_kind(
    LayerKind(
        "ClassToken",
        "puts a learned vector before a sequence",
        ClassToken,
        {"embed_dim": following(last_size)},
        ranks=(2,),
    )
)
add_kind(
    LayerKind(
        "SequencePool",
        "one vector of a sequence: its mean, its first or its last",
        SequencePool,
        {"pooling": choice(("mean", "first", "last"), "mean")},
        ranks=(2,),
    )
)
