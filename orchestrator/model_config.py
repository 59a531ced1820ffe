"""``model_config`` as it was sent -> a model that fits the data, or what does not fit."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import actors.core.architectures as _architectures  # noqa: F401 - fills the registry
from actors.core.architectures.registry import ARCHITECTURES, Ends, expand
from actors.core.errors import InvalidRequest
from actors.core.fields import described, shown_value
from actors.core.model.blocks import num_parameters
from actors.core.model.model_spec import LayerSpec, ModelSpec, TensorSpec, mlp
from actors.core.model.parse import ParsedLayers, parse_layers
from actors.core.model.registry import KINDS

MAX_PARAMETERS = 10**9
LAYERS = "model_config.layers"
LAYER_SIZES = "model_config.layer_sizes"
ARCHITECTURE = "model_config.architecture"
CONFIG = "model_config.config"


@dataclass(frozen=True)
class DataShape:
    """What a data set gives to a model: images of so many pixels, and classes."""

    name: str
    shape: tuple[int, int]
    num_classes: int

    @property
    def ends(self) -> Ends:
        """What a model is given, and what it has to give."""
        return Ends(TensorSpec((1, *self.shape)), TensorSpec((self.num_classes,)))


def parse_model(config: Mapping[str, Any], data: DataShape) -> ModelSpec:
    """``config`` has ``layer_sizes``, ``layers``, or ``architecture`` and perhaps ``config``.
    Raises ``InvalidRequest`` naming the layer, what it is given and what it wants."""
    seed, sizes = config.get("seed") or 0, config.get("layer_sizes")
    if sizes is not None:
        model, way = _from_sizes(sizes, data, seed), LAYER_SIZES
    elif config.get("architecture") is not None:
        model, way = _from_architecture(config, data, seed), ARCHITECTURE
    else:
        model, way = _from_layers(config["layers"], LAYERS, data, seed), LAYERS
    count = num_parameters(model)
    if count > MAX_PARAMETERS:
        raise InvalidRequest(
            f"{way} makes a model of {count:,} parameters, but the limit is "
            f"{MAX_PARAMETERS:,}: use smaller or fewer layers"
        )
    return model


def _from_sizes(sizes: Sequence[int], data: DataShape, seed: int) -> ModelSpec:
    height, width = data.shape
    if sizes[0] != height * width:
        raise InvalidRequest(
            f"{LAYER_SIZES}[0] is {sizes[0]}, but an image of {data.name} at {height} x {width} "
            f"has {height * width} features: use {height * width}, or set dataset_config.resize"
        )
    if sizes[-1] != data.num_classes:
        raise InvalidRequest(
            f"{LAYER_SIZES}[{len(sizes) - 1}] is {sizes[-1]}, but {data.name} has "
            f"{data.num_classes} classes: use {data.num_classes}"
        )
    return mlp(tuple(sizes), seed)


def _from_architecture(config: Mapping[str, Any], data: DataShape, seed: int) -> ModelSpec:
    name = config["architecture"]
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise InvalidRequest(
            f"{ARCHITECTURE} is {shown_value(name)}, but must be one of "
            f"{', '.join(sorted(ARCHITECTURES))}"
        )
    given = config.get("config")
    layers = expand(name, {} if given is None else given, data.ends, CONFIG)
    return _from_layers(layers, f"{ARCHITECTURE} {name!r}, layers", data, seed)


def _from_layers(layers: Any, where: str, data: DataShape, seed: int) -> ModelSpec:
    ends = data.ends
    parsed = parse_layers(layers, ends.inputs, where)
    _check_outputs(parsed, ends, where, data)
    model = ModelSpec(parsed.layers, ends.inputs, seed)
    if num_parameters(model) == 0:
        raise InvalidRequest(f"{where} has no layer with parameters: there is nothing to train")
    return model


def _check_outputs(parsed: ParsedLayers, ends: Ends, where: str, data: DataShape) -> None:
    if parsed.outputs != ends.outputs:
        raise InvalidRequest(
            f"{where}[{len(parsed.layers) - 1}] gives {parsed.outputs.text}, but {data.name} has "
            f"{data.num_classes} classes: let the last layer give {ends.outputs.text}, one number "
            "a class"
        )


def layer_kinds() -> list[dict[str, Any]]:
    """What ``GET /api/layers`` shows: what ``parse_layers`` checks by."""
    return [
        {
            "type": kind.name,
            "about": kind.says,
            "takes": kind.takes,
            "ranks": list(kind.ranks),
            "has_layers": kind.is_container,
            "fields": {name: described(one) for name, one in kind.fields.items()},
        }
        for kind in KINDS.values()
    ]


def architectures() -> list[dict[str, Any]]:
    """What ``GET /api/architectures`` shows."""
    return [
        {
            "architecture": own.name,
            "about": own.says,
            "takes": own.takes,
            "ranks": list(own.ranks),
            "fields": {name: described(one) for name, one in own.fields.items()},
        }
        for own in ARCHITECTURES.values()
    ]


@functools.lru_cache(maxsize=64)
def model_json(model: ModelSpec) -> dict[str, Any]:
    """The model with every argument, as ``model_config`` would have it but for the seed."""
    if model.block_seeds:  # what layer_sizes is short for
        linear = [spec.keywords for spec in model.layers if spec.kind == "Linear"]
        return {"layer_sizes": [linear[0]["in_features"], *(own["out_features"] for own in linear)]}
    return {"layers": [_layer_json(spec) for spec in model.layers]}


def _layer_json(spec: LayerSpec) -> dict[str, Any]:
    inside = {"layers": [_layer_json(inner) for inner in spec.layers]} if spec.layers else {}
    return {"type": spec.kind, **spec.keywords, **inside}


def model_of_json(given: Mapping[str, Any], shape: tuple[int, ...]) -> ModelSpec:
    """The model of which ``model_json`` made this, without its seed; nothing is checked again."""
    if "layer_sizes" in given:
        return mlp(tuple(given["layer_sizes"]))
    return ModelSpec(tuple(_layer_of_json(one) for one in given["layers"]), TensorSpec(shape))


def _layer_of_json(given: Mapping[str, Any]) -> LayerSpec:
    arguments = {k: v for k, v in given.items() if k not in ("type", "layers")}
    inside = tuple(_layer_of_json(inner) for inner in given.get("layers", ()))
    return LayerSpec(given["type"], tuple(arguments.items()), inside)
