"""The architectures there are: a table that new ones enter, one entry each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.fields import Field, check_fields, shown_value
from actors.core.model.model_spec import TensorSpec

Layers = list[dict[str, Any]]
"""The form of ``model_config.layers``."""


@dataclass(frozen=True)
class Ends:
    """One sample that the model gets, and the output that it must give for it."""

    inputs: TensorSpec
    outputs: TensorSpec


@dataclass(frozen=True)
class Architecture:
    """A named way to make a list of layers.

    ``expand`` gets the fields' values by their names, and the ends as ``ends``. ``ranks`` are the
    numbers of dimensions that a sample may have (empty: any), ``takes`` its dtype, ``gives`` the
    number of dimensions of what a sample becomes.
    """

    name: str
    says: str
    expand: Callable[..., Layers]
    fields: Mapping[str, Field] = field(default_factory=dict)
    ranks: tuple[int, ...] = ()
    takes: str = "float32"
    gives: int = 1


ARCHITECTURES: dict[str, Architecture] = {}
"""By name. This package's modules, and code from outside, add to it."""


def add_architecture(architecture: Architecture) -> None:
    """Makes it known by its name; a name is taken once."""
    assert architecture.name not in ARCHITECTURES, f"there is a {architecture.name} already"
    ARCHITECTURES[architecture.name] = architecture


def expand(name: str, config: Any, ends: Ends, where: str) -> Layers:
    """The layers of an architecture. ``where`` names the configuration, such as
    ``model_config.config``; raises ``InvalidRequest``."""
    own = ARCHITECTURES[name]
    if not isinstance(config, Mapping):
        raise InvalidRequest(f"{where} is {shown_value(config)}, but must be an object")
    values = check_fields(where, name, own.fields, config)
    _check_ends(own, ends)
    return own.expand(**values, ends=ends)


def _check_ends(own: Architecture, ends: Ends) -> None:
    inputs, outputs = ends.inputs, ends.outputs
    fits = own.takes == inputs.dtype and (not own.ranks or len(inputs.shape) in own.ranks)
    if not fits or len(outputs.shape) != own.gives:
        raise InvalidRequest(
            f"model_config.architecture is {own.name!r}: {own.says}. But the data gives "
            f"{inputs.text}, and the model must give {outputs.text}: use another architecture "
            "(GET /api/architectures lists them), or other data"
        )
