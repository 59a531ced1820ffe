"""torchvision's classification models as sequences of layers.

A layer is a part of the plain model. The nodes of the traced graph that belong to it are decided
once, when the model is checked. Later, making the layer only traces the model again.
"""

from __future__ import annotations

import functools
import itertools
from types import ModuleType
from typing import Any

from torch import fx, nn

from actors.core.errors import InvalidRequest, error_text
from actors.core.fields import shown_value
from actors.core.model.libraries.drawing import meta_model
from actors.core.model.libraries.tracing import Cut, cuts, fingerprint, part, trace
from actors.core.model.model_spec import LayerSpec, ModelSpec, TensorSpec, layer
from actors.core.model.registry import PlainModels, add_plain_models
from actors.core.torchvision_compat import import_torchvision

LIBRARY = "torchvision"
CHANNELS = 3
_NOT_CUT = frozenset({"maxvit_t"})
"""Has a state that its traced graph does not use by its name."""
_NO_SECOND_OUTPUT = {"aux_logits": False, "init_weights": True}


def torchvision_model(
    name: str, inputs: TensorSpec, num_classes: int, where: str, seed: int = 0
) -> ModelSpec:
    """The plain model ``torchvision.models.<name>(num_classes=…)`` for samples like ``inputs``.

    ``where`` is the field of the request that names it. Raises ``InvalidRequest``.
    """
    if name not in torchvision_names():
        raise InvalidRequest(
            f"{where} is {shown_value(f'{LIBRARY}/{name}')}, but {LIBRARY} has these "
            f"classification models: {', '.join(torchvision_names())}"
        )
    _check_images(name, inputs, where)
    size = inputs.shape[-1] if _wants_size(name) else None
    try:
        layers = _layers(name, num_classes, size, inputs.shape)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        raise InvalidRequest(
            f"{where}: {name} can't take images {inputs.text}: {error_text(error)[:200]}: use "
            "larger ones (dataset_config.resize), or another model"
        ) from error
    return ModelSpec(layers, inputs, seed)


@functools.cache
def torchvision_names() -> tuple[str, ...]:
    """The names of models that a user may ask for."""
    models = _torchvision()
    return tuple(sorted(set(models.list_models(module=models)) - _NOT_CUT))


def _check_images(name: str, inputs: TensorSpec, where: str) -> None:
    shape = inputs.shape
    if len(shape) != 3 or inputs.dtype != "float32" or shape[0] != CHANNELS:
        raise InvalidRequest(
            f"{where}: {name} takes images [3, height, width], but the data gives {inputs.text}: "
            "use data with 3 channels, or set dataset_config.channels to 3"
        )
    if _wants_size(name) and shape[1] != shape[2]:
        raise InvalidRequest(
            f"{where}: {name} takes square images, but the data gives {inputs.text}: set "
            "dataset_config.resize"
        )


def _layers(
    name: str, num_classes: int, size: int | None, shape: tuple[int, ...]
) -> tuple[LayerSpec, ...]:
    traced = _traced(name, num_classes, size)
    about = {"name": name, "num_classes": num_classes, "image_size": size}
    about |= {"graph": fingerprint(traced[1])}
    found = cuts(*traced, shape)
    made = tuple(layer(LIBRARY, {**about, "start": cut.start, "end": cut.end}) for cut in found)
    own = [state for one in found for state in part(*traced, one).state_dict()]
    assert sorted(own) == sorted(traced[0].state_dict()), f"{name} has a state that no part has"
    return made


def _construct(name: str, num_classes: int, image_size: int | None, **_: Any) -> nn.Module:
    own = {"image_size": image_size} if image_size is not None else {}
    more = _NO_SECOND_OUTPUT if name in ("googlenet", "inception_v3") else {}
    made = _torchvision().get_model(name, weights=None, num_classes=num_classes, **own, **more)
    assert isinstance(made, nn.Module)
    return made


def _make(
    name: str, num_classes: int, image_size: int | None, graph: str, start: int, end: int
) -> nn.Module:
    """Raises ``InvalidRequest`` where the model is traced otherwise than when it was cut."""
    model, traced = _traced(name, num_classes, image_size)
    if fingerprint(traced) != graph:
        version = import_torchvision().__version__
        raise InvalidRequest(
            f"{name} of torchvision {version}, which is installed here, is another model than the "
            "one that the job was created with: install the same torchvision and torch on all "
            "devices as there were then, or create the job again"
        )
    return part(model, traced, Cut(start, end))


@functools.lru_cache(maxsize=8)
def _traced(name: str, num_classes: int, image_size: int | None) -> tuple[nn.Module, fx.Graph]:
    model = meta_model(lambda: _construct(name, num_classes, image_size))
    _keep_linear_outputs(model)
    return model, trace(model)


def _keep_linear_outputs(model: nn.Module) -> None:
    """The outputs of a linear layer may be a view, and where one is written over, autograd's graph
    loses the place from which a split backward pass begins. The values are the same."""
    for inner in model.modules():
        if isinstance(inner, nn.Sequential):
            for layer, following in itertools.pairwise(inner):
                if isinstance(layer, nn.Linear) and isinstance(following, nn.ReLU | nn.Hardswish):
                    following.inplace = False


def _wants_size(name: str) -> bool:
    return name.startswith("vit_")


def _torchvision() -> ModuleType:
    return import_torchvision("torchvision.models")


add_plain_models(PlainModels(LIBRARY, _construct, _make))
