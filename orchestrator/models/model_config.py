"""``model_config`` as it was sent -> a model that fits the data, or what does not fit."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import actors.core.architectures as _architectures  # noqa: F401 - fills the registry
from actors.core.architectures.registry import ARCHITECTURES, Ends, expand
from actors.core.errors import InvalidRequest
from actors.core.fields import described, shown_value
from actors.core.model.blocks import num_parameters
from actors.core.model.libraries.torchvision_models import (
    LIBRARY,
    torchvision_model,
    torchvision_names,
)
from actors.core.model.model_spec import LayerSpec, ModelSpec, TensorSpec, mlp
from actors.core.model.parse import ParsedLayers, parse_layers
from actors.core.model.registry import KINDS
from actors.core.sources.source_facts import SourceFacts
from actors.core.tasks.parse import targets_text, wanted_outputs
from actors.core.tasks.task_spec import TaskSpec

MAX_PARAMETERS = 10**9
LAYERS = "model_config.layers"
LAYER_SIZES = "model_config.layer_sizes"
ARCHITECTURE = "model_config.architecture"
CONFIG = "model_config.config"


def parse_model(config: Mapping[str, Any], data: SourceFacts, task: TaskSpec) -> ModelSpec:
    """``config`` has ``layer_sizes``, ``layers``, or ``architecture`` and perhaps ``config``.
    Raises ``InvalidRequest`` with the layer, its input and what it wants."""
    seed, sizes = config.get("seed") or 0, config.get("layer_sizes")
    if sizes is not None:
        model, way = _from_sizes(sizes, data, task, seed), LAYER_SIZES
    elif config.get("architecture") is not None:
        model, way = _from_architecture(config, data, task, seed), ARCHITECTURE
    else:
        model, way = _from_layers(config["layers"], LAYERS, data, task, seed), LAYERS
    count = num_parameters(model)
    if count > MAX_PARAMETERS:
        raise InvalidRequest(
            f"{way} makes a model of {count:,} parameters, but the limit is "
            f"{MAX_PARAMETERS:,}: use smaller or fewer layers"
        )
    return model


def _from_sizes(sizes: Sequence[int], data: SourceFacts, task: TaskSpec, seed: int) -> ModelSpec:
    if data.inputs.dtype != "float32":
        raise InvalidRequest(
            f"{LAYER_SIZES} takes numbers, but a sample of {data.name} is {data.inputs.text}: give "
            "model_config.layers, the first of them an Embedding"
        )
    num_features = math.prod(data.inputs.shape)
    if sizes[0] != num_features:
        raise InvalidRequest(
            f"{LAYER_SIZES}[0] is {sizes[0]}, but a sample of {data.name}, {data.inputs.text}, "
            f"has {num_features} features: use {num_features}{_resizable(data)}"
        )
    outputs = wanted_outputs(task, data)
    if TensorSpec((sizes[-1],)) != outputs:
        raise InvalidRequest(
            f"{LAYER_SIZES}[{len(sizes) - 1}] is {sizes[-1]}, but {data.name} has "
            f"{targets_text(data)}: {_remedy(outputs, task)}"
        )
    return mlp(tuple(sizes), seed)


def _from_architecture(
    config: Mapping[str, Any], data: SourceFacts, task: TaskSpec, seed: int
) -> ModelSpec:
    name = config["architecture"]
    if isinstance(name, str) and name.startswith(f"{LIBRARY}/"):
        return _from_torchvision(config, data, task, seed)
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise InvalidRequest(
            f"{ARCHITECTURE} is {shown_value(name)}, but must be one of "
            f"{', '.join(sorted(ARCHITECTURES))} or {LIBRARY}/<name>"
        )
    given = config.get("config")
    layers = expand(name, {} if given is None else given, _ends(data, task), CONFIG)
    return _from_layers(layers, f"{ARCHITECTURE} {name!r}, layers", data, task, seed)


def _from_torchvision(
    config: Mapping[str, Any], data: SourceFacts, task: TaskSpec, seed: int
) -> ModelSpec:
    if config.get("config"):
        raise InvalidRequest(
            f"{CONFIG} is {shown_value(config['config'])}, but {config['architecture']} takes "
            "none: its number of classes is the data's"
        )
    name = config["architecture"].removeprefix(f"{LIBRARY}/")
    ends = _ends(data, task)
    if len(ends.outputs.shape) != 1:
        raise InvalidRequest(
            f"{ARCHITECTURE} is {config['architecture']!r}, which gives one vector for an image, "
            f"but the model has to give {ends.outputs.text}: use another architecture"
        )
    return torchvision_model(name, ends.inputs, ends.outputs.shape[0], ARCHITECTURE, seed)


def _from_layers(
    layers: Any, where: str, data: SourceFacts, task: TaskSpec, seed: int
) -> ModelSpec:
    ends = _ends(data, task)
    parsed = parse_layers(layers, ends.inputs, where)
    _check_outputs(parsed, where, data, task)
    _check_tokens(parsed.layers, where, data)
    model = ModelSpec(parsed.layers, ends.inputs, seed)
    if num_parameters(model) == 0:
        raise InvalidRequest(f"{where} has no layer with parameters: there is nothing to train")
    return model


def _check_outputs(parsed: ParsedLayers, where: str, data: SourceFacts, task: TaskSpec) -> None:
    outputs = wanted_outputs(task, data)
    if parsed.outputs != outputs:
        raise InvalidRequest(
            f"{where}[{len(parsed.layers) - 1}] gives {parsed.outputs.text}, but {data.name} has "
            f"{targets_text(data)}: for the task {task.kind} let the last layer give {outputs.text}"
        )


def _check_tokens(layers: Sequence[LayerSpec], where: str, data: SourceFacts) -> None:
    """A layer that takes tokens has to know every token."""
    for index, spec in enumerate(layers):
        _check_tokens(spec.layers, f"{where}[{index}].layers", data)
        known = KINDS[spec.kind].num_tokens
        if known is None or data.num_tokens is None:
            continue
        if (num_known := known(spec.keywords)) < data.num_tokens:
            raise InvalidRequest(
                f"{where}[{index}]: {spec.kind} knows {num_known:,} tokens, but {data.name} has "
                f"{data.num_tokens:,}: use at least as many"
            )


def _remedy(outputs: TensorSpec, task: TaskSpec) -> str:
    if len(outputs.shape) == 1:
        return f"for the task {task.kind} use {outputs.shape[0]}"
    return f"the task {task.kind} wants {outputs.text} of a sample: give model_config.layers"


def _ends(data: SourceFacts, task: TaskSpec) -> Ends:
    """The inputs that a model gets, and the outputs that it has to give."""
    return Ends(data.inputs, wanted_outputs(task, data))


def _resizable(data: SourceFacts) -> str:
    return ", or set dataset_config.resize" if len(data.inputs.shape) == 3 else ""


def layer_kinds() -> list[dict[str, Any]]:
    """The answer of ``GET /api/layers``, from the tables that ``parse_layers`` uses."""
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
    """The answer of ``GET /api/architectures``."""
    return [
        {
            "architecture": own.name,
            "about": own.says,
            "takes": own.takes,
            "ranks": list(own.ranks),
            "fields": {name: described(one) for name, one in own.fields.items()},
        }
        for own in ARCHITECTURES.values()
    ] + [
        {
            "architecture": f"{LIBRARY}/{name}",
            "about": f"torchvision.models.{name} for images, with as many classes as the data has",
            "takes": "float32",
            "ranks": [3],
            "fields": {},
        }
        for name in torchvision_names()
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
