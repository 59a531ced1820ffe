"""A model's blocks, and their modules with weights that do not depend on the split.

A block is what is never cut: a layer with parameters, and those without that follow it.
"""

from __future__ import annotations

import functools
import itertools
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from actors.core.model.libraries.drawing import draw_state
from actors.core.model.model_spec import LayerSpec, ModelSpec
from actors.core.model.randomness import GENERATOR
from actors.core.model.registry import (
    PLAIN_MODELS,
    PlainModels,
    draws_random_numbers,
    make_layer,
)
from actors.core.seeds import WEIGHTS_STREAM, stream_seed


def num_blocks(model: ModelSpec) -> int:
    """At least 1."""
    return len(block_layers(model))


def block_layers(model: ModelSpec) -> tuple[range, ...]:
    """The indices of each block's layers; layers in front of the first parameters are its too."""
    return _block_layers(model.layers)


def num_parameters(model: ModelSpec) -> int:
    """In all layers."""
    return sum(_num_parameters(spec) for spec in model.layers)


def layers_between(model: ModelSpec, start: int, end: int) -> range:
    """The indices of the layers of blocks ``[start, end)``."""
    ranges = block_layers(model)
    return range(ranges[start].start, ranges[end - 1].stop)


def build_blocks(model: ModelSpec, start: int, end: int) -> nn.Sequential:
    """Blocks ``[start, end)`` with the weights that the model's seed draws.

    Modules are named by their place in the whole model. So all stages' parameters together are the
    state dict of one plain ``nn.Sequential`` of all layers, or of a library's plain model. If the
    model has one random stream for all layers, the layers before these blocks are drawn as well,
    one at a time.
    """
    if (plain := plain_models(model)) is not None:
        return _drawn_parts(model, plain, start, end)
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    with GENERATOR, torch.random.fork_rng(devices=[]):
        for index, made in _drawn(model, start, end):
            modules[str(index)] = made
    return nn.Sequential(modules)


def empty_blocks(model: ModelSpec, start: int, end: int, device: str = "cpu") -> nn.Sequential:
    """The same without drawn weights; on ``meta`` they take no memory either."""
    with torch.device("meta"):
        made = OrderedDict(
            (str(i), make_layer(model.layers[i])) for i in layers_between(model, start, end)
        )
    modules = nn.Sequential(made) if plain_models(model) is None else PlainParts(made)
    return modules if device == "meta" else modules.to_empty(device=device)


def state_names(model: ModelSpec, block: int) -> frozenset[str]:
    """The names of a block's parameters and buffers in the whole model's state dict."""
    indices = block_layers(model)[block]
    if plain_models(model) is not None:
        return frozenset(name for index in indices for name in _names(model.layers[index]))
    return frozenset(f"{index}.{name}" for index in indices for name in _names(model.layers[index]))


def drawing_layers(model: ModelSpec, start: int, end: int) -> frozenset[int]:
    """The indices of the layers in blocks ``[start, end)`` that draw random numbers in training."""
    indices = layers_between(model, start, end)
    return frozenset(i for i in indices if draws_random_numbers(model.layers[i]))


def plain_models(model: ModelSpec) -> PlainModels | None:
    """The library that the model comes from; None for a list of layers."""
    return PLAIN_MODELS.get(model.layers[0].kind)


class PlainParts(nn.Sequential):
    """Parts of a plain model one after the other. Their state has the names that it has there,
    without the part's number before it."""

    def named_modules(
        self,
        memo: set[nn.Module] | None = None,
        prefix: str = "",
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, nn.Module]]:
        """Like ``nn.Module``'s, with the names of parameters and buffers."""
        yield prefix, self
        for part in self:
            yield from part.named_modules(memo, prefix, remove_duplicate)

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Any]:  # type: ignore[override]
        """Like ``nn.Module``'s."""
        state: dict[str, Any] = {}
        for part in self:
            part.state_dict(destination=state, prefix=prefix, keep_vars=keep_vars)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> None:
        """Like ``nn.Module``'s, but all names must be there."""
        assert strict
        missing = state_dict.keys() ^ self.state_dict().keys()
        if missing:
            raise RuntimeError(f"the state is another model's: {sorted(missing)[:3]}")
        for part in self:
            part.load_state_dict(
                {name: state_dict[name] for name in part.state_dict()}, True, assign
            )


def _drawn_parts(model: ModelSpec, plain: PlainModels, start: int, end: int) -> nn.Sequential:
    parts = empty_blocks(model, start, end, "meta")
    construct = functools.partial(plain.construct, **model.layers[0].keywords)
    with GENERATOR, torch.random.fork_rng(devices=[]):
        torch.manual_seed(model.seed)
        parts.load_state_dict(draw_state(construct, parts.state_dict().keys()), assign=True)
    return parts


def _drawn(model: ModelSpec, start: int, end: int) -> Iterator[tuple[int, nn.Module]]:
    torch.manual_seed(model.seed)
    for block, indices in enumerate(block_layers(model)[:end]):
        is_own = block >= start
        if model.block_seeds:
            if not is_own:
                continue
            torch.manual_seed(stream_seed(model.seed, WEIGHTS_STREAM, block))
        for index in indices:
            made = make_layer(model.layers[index])
            if is_own:
                yield index, made


@functools.lru_cache(maxsize=64)
def _block_layers(layers: tuple[LayerSpec, ...]) -> tuple[range, ...]:
    starts = [i for i, spec in enumerate(layers) if _num_parameters(spec)][1:]
    bounds = [0, *starts, len(layers)]
    return tuple(range(a, b) for a, b in itertools.pairwise(bounds))


@functools.lru_cache(maxsize=4096)
def _names(spec: LayerSpec) -> tuple[str, ...]:
    return tuple(_meta(spec).state_dict())


@functools.lru_cache(maxsize=4096)
def _num_parameters(spec: LayerSpec) -> int:
    return sum(p.numel() for p in _meta(spec).parameters())


def _meta(spec: LayerSpec) -> nn.Module:
    with torch.device("meta"):
        return make_layer(spec)
