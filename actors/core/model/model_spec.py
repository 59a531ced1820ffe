"""A model as frozen data that travels and is compared."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch

from actors.core.fields import Argument

DTYPES = {"float32": torch.float32, "int64": torch.int64}


@dataclass(frozen=True)
class TensorSpec:
    """One sample of a tensor: its shape without the batch, and its dtype by torch's name."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def num_bytes(self) -> int:
        """The bytes of one sample."""
        count = 1
        for size in self.shape:
            count *= size
        return count * DTYPES[self.dtype].itemsize

    @property
    def text(self) -> str:
        """For people, such as "[8, 12, 12]"."""
        of = "" if self.dtype == "float32" else f" of {self.dtype}"
        return f"{list(self.shape)}{of}"

    @classmethod
    def of(cls, tensor: torch.Tensor) -> TensorSpec:
        """Describes the samples of a batch."""
        return cls(tuple(tensor.shape[1:]), str(tensor.dtype).removeprefix("torch."))


@dataclass(frozen=True)
class LayerSpec:
    """One layer: its kind, every argument as checked, the layers inside a container."""

    kind: str
    arguments: tuple[tuple[str, Argument], ...] = ()
    layers: tuple[LayerSpec, ...] = ()

    @property
    def keywords(self) -> dict[str, Any]:
        """The arguments as the layer is made with them."""
        return dict(self.arguments)


@dataclass(frozen=True)
class ModelSpec:
    """A model: ``layers`` one after the other, on samples like ``inputs``.

    ``seed`` draws the weights. With ``block_seeds`` each block has a random stream of its own, as
    networks given by ``layer_sizes`` always had. Otherwise the weights are those of
    ``torch.manual_seed(seed)`` followed by the layers' constructors in order.
    """

    layers: tuple[LayerSpec, ...]
    inputs: TensorSpec
    seed: int = 0
    block_seeds: bool = False

    def __hash__(self) -> int:
        """Reckoned once: plans look models up often, and a model may have thousands of layers."""
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        return hash((self.layers, self.inputs, self.seed, self.block_seeds))

    def __getstate__(self) -> dict[str, Any]:
        """Without cached values: another process hashes texts differently."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def layer(kind: str, arguments: Mapping[str, Any] | None = None, *inside: LayerSpec) -> LayerSpec:
    """A layer of checked arguments."""
    return LayerSpec(kind, tuple((arguments or {}).items()), tuple(inside))


def mlp(layer_sizes: tuple[int, ...] | list[int], seed: int = 0) -> ModelSpec:
    """The model that ``layer_sizes`` is short for: linear layers with ReLU between them."""
    layers: list[LayerSpec] = []
    for inputs, outputs in itertools.pairwise(layer_sizes):
        layers += [linear(inputs, outputs), RELU]
    return ModelSpec(tuple(layers[:-1]), TensorSpec((layer_sizes[0],)), seed, block_seeds=True)


def linear(inputs: int, outputs: int) -> LayerSpec:
    """A linear layer with a bias."""
    return layer("Linear", {"in_features": inputs, "out_features": outputs, "bias": True})


RELU = layer("ReLU")
