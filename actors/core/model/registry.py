"""The kinds of layers there are: a table that new kinds enter, one entry each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from actors.core.fields import Field
from actors.core.model.model_spec import LayerSpec


@dataclass(frozen=True)
class LayerKind:
    """A kind of layer.

    ``make`` gets the arguments by their names, and the layers inside a container as ``layers``.
    ``ranks`` are the numbers of dimensions that a sample may have (empty: any), ``takes`` its
    dtype. ``draws`` says that training draws random numbers. Containers hold 1 or more layers.
    """

    name: str
    says: str
    make: Callable[..., nn.Module]
    fields: Mapping[str, Field] = field(default_factory=dict)
    ranks: tuple[int, ...] = ()
    takes: str = "float32"
    draws: Callable[[Mapping[str, Any]], bool] = lambda arguments: False
    is_container: bool = False


KINDS: dict[str, LayerKind] = {}
"""By name. Filled by the modules of ``actors.core.model.kinds``, and by whoever adds one."""


def add_kind(kind: LayerKind) -> None:
    """Makes a kind known by its name; a name is taken once."""
    assert kind.name not in KINDS, f"there is a kind {kind.name} already"
    KINDS[kind.name] = kind


def make_layer(spec: LayerSpec) -> nn.Module:
    """The module of a checked layer, on the device and by the generator that are in force."""
    kind = KINDS[spec.kind]
    if kind.is_container:
        return kind.make(layers=[make_layer(inner) for inner in spec.layers], **spec.keywords)
    return kind.make(**spec.keywords)


def unknown_kinds(layers: Iterable[LayerSpec]) -> set[str]:
    """Of these and of the layers inside."""
    own = {spec.kind for spec in layers if spec.kind not in KINDS}
    return own.union(*(unknown_kinds(spec.layers) for spec in layers))


def draws_random_numbers(spec: LayerSpec) -> bool:
    """Whether the layer, or one inside, draws random numbers when it trains."""
    own = KINDS[spec.kind].draws(spec.keywords)
    return own or any(draws_random_numbers(inner) for inner in spec.layers)
