"""``model_config`` as it was sent -> a model that fits the data, or what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.model.blocks import num_parameters
from actors.core.model.model_spec import LayerSpec, ModelSpec, TensorSpec, mlp
from actors.core.model.parse import parse_layers

MAX_PARAMETERS = 10**9
LAYERS = "model_config.layers"
LAYER_SIZES = "model_config.layer_sizes"


@dataclass(frozen=True)
class DataShape:
    """What a data set gives to a model: images of so many pixels, and classes."""

    name: str
    shape: tuple[int, int]
    num_classes: int


def parse_model(config: Mapping[str, Any], data: DataShape) -> ModelSpec:
    """``config`` has ``layer_sizes`` or ``layers``. Raises ``InvalidRequest`` naming the layer,
    what it is given and what it wants."""
    seed, sizes = config.get("seed") or 0, config.get("layer_sizes")
    if sizes is not None:
        model, way = _from_sizes(sizes, data, seed), LAYER_SIZES
    else:
        model, way = _from_layers(config["layers"], data, seed), LAYERS
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


def _from_layers(layers: Any, data: DataShape, seed: int) -> ModelSpec:
    inputs = TensorSpec((1, *data.shape))
    parsed = parse_layers(layers, inputs, LAYERS)
    last = f"{LAYERS}[{len(parsed.layers) - 1}]"
    if parsed.outputs != TensorSpec((data.num_classes,)):
        raise InvalidRequest(
            f"{last} gives {parsed.outputs.text}, but {data.name} has {data.num_classes} classes: "
            f"let the last layer give [{data.num_classes}], one number a class"
        )
    model = ModelSpec(parsed.layers, inputs, seed)
    if num_parameters(model) == 0:
        raise InvalidRequest(f"{LAYERS} has no layer with parameters: there is nothing to train")
    return model


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
