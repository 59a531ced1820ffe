"""The kinds of layers there are: a table that new kinds enter, one entry each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from actors.core.fields import Field
from actors.core.model.model_spec import LayerSpec, TensorSpec


@dataclass(frozen=True)
class LayerKind:
    """A kind of layer.

    ``make`` gets the arguments by their names, and the layers inside a container as ``layers``.
    ``ranks`` are the numbers of dimensions that a sample may have (empty: any), ``takes`` is its
    dtype. ``draws`` says that training draws random numbers. ``num_tokens`` is the number of
    different tokens that a layer on tokens knows. A container holds 1 or more layers: ``gives``
    returns the form of its output, from its input and the output of those layers; it raises
    ``ValueError`` if they don't fit together.
    """

    name: str
    says: str
    make: Callable[..., nn.Module]
    fields: Mapping[str, Field] = field(default_factory=dict)
    ranks: tuple[int, ...] = ()
    takes: str = "float32"
    draws: Callable[[Mapping[str, Any]], bool] = lambda arguments: False
    num_tokens: Callable[[Mapping[str, Any]], int] | None = None
    gives: Callable[[TensorSpec, TensorSpec], TensorSpec] | None = None

    @property
    def is_container(self) -> bool:
        return self.gives is not None


KINDS: dict[str, LayerKind] = {}
"""By name. The modules of ``actors.core.model.kinds``, and code from outside, add to it."""


def add_kind(kind: LayerKind) -> None:
    """Makes a kind known by its name; a name is taken once."""
    assert kind.name not in KINDS, f"there is a kind {kind.name} already"
    KINDS[kind.name] = kind


@dataclass(frozen=True)
class PlainModels:
    """A library's models by name: each of their layers is a part of a plain model.

    ``construct`` makes the whole plain model and ``make`` the part, on the meta device; both get a
    layer's arguments. A part's state has the names that it has in the plain model.
    """

    library: str
    construct: Callable[..., nn.Module]
    make: Callable[..., nn.Module]


PLAIN_MODELS: dict[str, PlainModels] = {}
"""By library, which is the kind of their layers."""


def add_plain_models(models: PlainModels) -> None:
    """Makes a library's models known; a library is taken once."""
    assert models.library not in PLAIN_MODELS, f"there is a library {models.library} already"
    PLAIN_MODELS[models.library] = models


def make_layer(spec: LayerSpec) -> nn.Module:
    """The module of a checked layer, on the device and by the generator that are in force; of a
    plain model on the meta device."""
    if spec.kind in PLAIN_MODELS:
        return PLAIN_MODELS[spec.kind].make(**spec.keywords)
    kind = KINDS[spec.kind]
    if kind.is_container:
        return kind.make(layers=[make_layer(inner) for inner in spec.layers], **spec.keywords)
    return kind.make(**spec.keywords)


def unknown_kinds(layers: Iterable[LayerSpec]) -> set[str]:
    """Among these and the layers inside."""
    known = KINDS.keys() | PLAIN_MODELS.keys()
    own = {spec.kind for spec in layers if spec.kind not in known}
    return own.union(*(unknown_kinds(spec.layers) for spec in layers))


def draws_random_numbers(spec: LayerSpec) -> bool:
    """Whether the layer, or one inside, draws random numbers when it trains."""
    if spec.kind in PLAIN_MODELS:
        return _drops(make_layer(spec))
    own = KINDS[spec.kind].draws(spec.keywords)
    return own or any(draws_random_numbers(inner) for inner in spec.layers)


def _drops(layer: nn.Module) -> bool:
    """Whether a module inside has a probability, such as that of dropout or stochastic depth."""
    values = (getattr(m, name, 0) for m in layer.modules() for name in _PROBABILITIES)
    return any(isinstance(value, float) and value > 0 for value in values)


_PROBABILITIES = ("p", "dropout", "attention_dropout")
