"""Attention over samples [length, features]."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from actors.core.fields import choice, count, flag, number
from actors.core.model.following import following
from actors.core.model.kinds.activations import drops
from actors.core.model.kinds.dense import INIT_STD, draw_normal, last_size
from actors.core.model.model_spec import TensorSpec
from actors.core.model.registry import LayerKind, add_kind

EMBEDDING_STD = 0.02
ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}


class PositionalEmbedding(nn.Module):
    """Adds a learned vector for each place; drawn from N(0, 0.02), as GPT-2 does."""

    def __init__(self, max_length: int, embedding_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(max_length, embedding_dim))
        nn.init.normal_(self.weight, std=EMBEDDING_STD)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[n, length, embedding_dim] -> the same."""
        return inputs + self.weight[: inputs.shape[1]]


class SelfAttention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017) by PyTorch's scaled dot product."""

    def __init__(
        self, embed_dim: int, num_heads: int, causal: bool, dropout: float, bias: bool
    ) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} can't be divided by num_heads {num_heads}")
        self.num_heads, self.causal, self.dropout = num_heads, causal, dropout
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=bias)
        self.proj = nn.Linear(embed_dim, embed_dim, bias=bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[n, length, embed_dim] -> the same."""
        rows, length, features = inputs.shape
        heads = self.qkv(inputs).view(rows, length, 3, self.num_heads, features // self.num_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        dropped = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(
            query, key, value, dropout_p=dropped, is_causal=self.causal
        )
        outputs: torch.Tensor = self.proj(mixed.transpose(1, 2).reshape(rows, length, features))
        return outputs


class TransformerBlock(nn.Module):
    """Self-attention and two linear layers, each added to its input, and normalised before
    (``norm_first``) or after that.

    With ``init_std``, the linear layers' weights are drawn from N(0, ``init_std``) and biases are
    0. If ``residual_std`` is given, the two layers whose results are added to the residual are
    drawn from N(0, ``residual_std``). GPT-2 does the same (Radford et al. 2019, section 2.3).
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        feedforward_dim: int,
        causal: bool,
        dropout: float,
        activation: str,
        norm_first: bool,
        bias: bool,
        init_std: float | None,
        residual_std: float | None,
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.norm1 = nn.LayerNorm(embed_dim, bias=bias)
        self.attention = SelfAttention(embed_dim, num_heads, causal, dropout, bias)
        self.norm2 = nn.LayerNorm(embed_dim, bias=bias)
        self.feedforward = nn.Sequential(
            nn.Linear(embed_dim, feedforward_dim, bias=bias),
            ACTIVATIONS[activation](),
            nn.Linear(feedforward_dim, embed_dim, bias=bias),
        )
        self.drop = nn.Dropout(dropout)
        added = (self.attention.proj, self.feedforward[2])
        for layer in (self.attention.qkv, self.feedforward[0], *added):
            assert isinstance(layer, nn.Linear)
            draw_normal(layer, (residual_std if layer in added else None) or init_std)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[n, length, embed_dim] -> the same."""
        if self.norm_first:
            inputs = inputs + self.drop(self.attention(self.norm1(inputs)))
            outputs: torch.Tensor = inputs + self.drop(self.feedforward(self.norm2(inputs)))
            return outputs
        inputs = self.norm1(inputs + self.drop(self.attention(inputs)))
        outputs = self.norm2(inputs + self.drop(self.feedforward(inputs)))
        return outputs


def length(before: TensorSpec) -> int:
    """The size of a sample's first dimension."""
    return before.shape[0]


_ATTENTION = {
    "embed_dim": following(last_size),
    "num_heads": count(maximum=1024),
    "causal": flag(False),
    "dropout": number(0.0, 1.0, 0.0, below=True),
}

add_kind(
    LayerKind(
        "PositionalEmbedding",
        "adds a learned vector for each position of a sequence",
        PositionalEmbedding,
        {"max_length": following(length), "embedding_dim": following(last_size)},
        ranks=(2,),
    )
)
add_kind(
    LayerKind(
        "MultiheadSelfAttention",
        "attention of each position of a sequence to all, or with causal to those up to itself",
        SelfAttention,
        {**_ATTENTION, "bias": flag(True)},
        ranks=(2,),
        draws=drops,
    )
)
add_kind(
    LayerKind(
        "TransformerBlock",
        "attention and two linear layers, each with its residual and layer norm",
        TransformerBlock,
        {
            **_ATTENTION,
            "feedforward_dim": count(),
            "activation": choice(tuple(ACTIVATIONS), "gelu"),
            "norm_first": flag(True),
            "bias": flag(True),
            "init_std": INIT_STD,
            "residual_std": INIT_STD,
        },
        ranks=(2,),
        draws=drops,
    )
)
