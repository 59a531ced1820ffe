"""A list of layers as JSON has it -> a model, or one sentence on what does not connect."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from actors.core.errors import InvalidRequest, error_text
from actors.core.fields import shown_value
from actors.core.model.following import check_arguments
from actors.core.model.model_spec import LayerSpec, TensorSpec
from actors.core.model.registry import KINDS, LayerKind
from actors.core.model.trial import trial_batch, trial_layers

MAX_LAYERS = 10_000
MAX_DIFFERENT = 500
"""Layers that differ in kind, arguments or what they are given: each of them is tried."""
MAX_NESTING = 8
TRIED_ROWS = 2
"""While it trains, batch norm wants more than one."""
_RANKS = {1: "[features]", 2: "[length, features]", 3: "[channels, height, width]"}


@dataclass(frozen=True)
class ParsedLayers:
    """Checked layers, and what they give for a sample."""

    layers: tuple[LayerSpec, ...]
    outputs: TensorSpec


def parse_layers(given: Any, inputs: TensorSpec, where: str) -> ParsedLayers:
    """Checks each layer and fills in sizes that were left out.

    ``given`` is a list of ``{"type": …, …}``, ``where`` its name in the request. Raises
    ``InvalidRequest`` with the layer, its input and what it wants.
    """
    if not isinstance(given, list) or not given:
        raise InvalidRequest(f"{where} must be a list of at least one layer, each an object")
    count = _count(given, where)
    if count > MAX_LAYERS:
        raise InvalidRequest(f"{where} has {count:,} layers, but the limit is {MAX_LAYERS:,}")
    return _parse_list(given, inputs, where, set())


Different = set[tuple[LayerSpec, TensorSpec]]
"""The layers tried so far, each with its input."""


def _parse_list(
    given: Sequence[Any], inputs: TensorSpec, where: str, different: Different
) -> ParsedLayers:
    layers, before = [], inputs
    for index, one in enumerate(given):
        spec, before = _parse_layer(one, before, f"{where}[{index}]", different)
        layers.append(spec)
    return ParsedLayers(tuple(layers), before)


def _parse_layer(
    given: Any, before: TensorSpec, where: str, different: Different
) -> tuple[LayerSpec, TensorSpec]:
    kind = _kind(given, where)
    _check_fits(kind, before, where)
    arguments = {name: value for name, value in given.items() if name != "type"}
    if kind.gives is not None:
        inside = _parse_list(_inside(arguments, where), before, f"{where}.layers", different)
        values = check_arguments(where, kind.name, kind.fields, arguments, before)
        spec = LayerSpec(kind.name, tuple(values.items()), inside.layers)
        try:
            return spec, kind.gives(before, inside.outputs)
        except ValueError as error:
            raise InvalidRequest(f"{where}: {kind.name}: {error}") from None
    values = check_arguments(where, kind.name, kind.fields, arguments, before)
    spec = LayerSpec(kind.name, tuple(values.items()))
    different.add((spec, before))
    if len(different) > MAX_DIFFERENT:
        raise InvalidRequest(
            f"{where} makes more than {MAX_DIFFERENT} layers that differ from each other: use fewer"
        )
    return spec, _outputs(spec, before, where)


def _kind(given: Any, where: str) -> LayerKind:
    if not isinstance(given, Mapping):
        raise InvalidRequest(
            f'{where} is {shown_value(given)}, but must be an object such as {{"type": "ReLU"}}'
        )
    name = given.get("type")
    if not isinstance(name, str) or name not in KINDS:
        raise InvalidRequest(
            f"{where}.type is {shown_value(name)}, but must be one of {', '.join(sorted(KINDS))}"
        )
    return KINDS[name]


def _inside(arguments: dict[str, Any], where: str) -> list[Any]:
    layers = arguments.pop("layers", None)
    if not isinstance(layers, list) or not layers:
        raise InvalidRequest(f"{where}.layers must be a list of at least one layer, each an object")
    return layers


def _check_fits(kind: LayerKind, before: TensorSpec, where: str) -> None:
    if kind.takes not in ("any", before.dtype):
        remedy = "put an Embedding before it" if before.dtype == "int64" else "it must come first"
        raise InvalidRequest(
            f"{where}: {kind.name} takes {kind.takes}, but it is given {before.text}: {remedy}"
        )
    if kind.ranks and len(before.shape) not in kind.ranks:
        wanted = " or ".join(_RANKS[rank] for rank in kind.ranks)
        raise InvalidRequest(
            f"{where}: {kind.name} takes samples of the form {wanted}, but the layer before gives "
            f"{before.text}: Flatten or Unflatten changes the form"
        )


def _outputs(spec: LayerSpec, before: TensorSpec, where: str) -> TensorSpec:
    """Runs the layer."""
    try:
        shape, dtype = _tried(spec, before)
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError) as error:
        raise InvalidRequest(
            f"{where}: {spec.kind} can't take what the layer before gives, {before.text}: "
            f"{error_text(error)[:200]}"
        ) from error
    if len(shape) < 2 or shape[0] != TRIED_ROWS or 0 in shape:
        raise InvalidRequest(
            f"{where}: {spec.kind} makes {list(shape)} of a batch of {TRIED_ROWS} samples "
            f"{before.text}: the batch must stay dimension 0, and nothing may become empty"
        )
    return TensorSpec(shape[1:], dtype)


@functools.lru_cache(maxsize=1024)
def _tried(spec: LayerSpec, before: TensorSpec) -> tuple[tuple[int, ...], str]:
    """Shape and dtype of a batch's outputs; raises the layer's own error."""
    made = trial_layers([spec])
    with torch.no_grad():
        outputs = made(trial_batch(before, TRIED_ROWS))
        made.eval()(trial_batch(before, 1))  # as in a prediction
    return tuple(outputs.shape), TensorSpec.of(outputs).dtype


def _count(given: Sequence[Any], where: str) -> int:
    """All layers, those inside others too; raises where they are nested too deeply."""
    count, level = 0, list(given)
    for _ in range(1 + MAX_NESTING):
        count += len(level)
        if count > MAX_LAYERS:
            return count
        level = [
            inner
            for one in level
            if isinstance(one, Mapping) and isinstance(one.get("layers"), list)
            for inner in one["layers"]
        ]
        if not level:
            return count
    raise InvalidRequest(f"{where} has layers nested more than {MAX_NESTING} deep: use fewer")
