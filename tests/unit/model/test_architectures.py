"""Architectures by name: the layers they expand to, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import actors.core.architectures as _architectures  # noqa: F401 - fills the registry
from actors.core.architectures.registry import (
    ARCHITECTURES,
    Architecture,
    Ends,
    Layers,
    add_architecture,
    expand,
)
from actors.core.errors import InvalidRequest
from actors.core.fields import Field, count
from actors.core.model.model_spec import TensorSpec
from actors.core.model.parse import parse_layers

IMAGES = Ends(TensorSpec((1, 28, 28)), TensorSpec((10,)))
TOKENS = Ends(TensorSpec((16,), "int64"), TensorSpec((16, 65)))
WRONG: tuple[Any, ...] = (
    None,
    "x",
    1.5,
    True,
    -1,
    10**12,
    [0],
    {},
    float("nan"),
    [[[]]],
    "ä" * 999,
)


def ends_of(name: str) -> Ends:
    return TOKENS if ARCHITECTURES[name].takes == "int64" else IMAGES


def kinds(layers: Layers) -> list[str]:
    return [layer["type"] for layer in layers]


def accepts(field: Field, value: Any) -> bool:
    try:
        field.check(value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_each_connects_with_its_defaults_and_gives_what_is_wanted(name: str) -> None:
    ends = ends_of(name)
    parsed = parse_layers(expand(name, {}, ends, "config"), ends.inputs, "layers")
    assert parsed.outputs == ends.outputs


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_each_refuses_its_fields_by_name(name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"config\.nonsense is no argument"):
        expand(name, {"nonsense": 1}, ends_of(name), "config")
    for field_name, field in ARCHITECTURES[name].fields.items():
        for value in WRONG:
            if not accepts(field, value):
                with pytest.raises(InvalidRequest, match=rf"config\.{field_name} is ") as caught:
                    expand(name, {field_name: value}, ends_of(name), "config")
                assert field.says in caught.value.message


@pytest.mark.parametrize("config", [[], "x", 1, True])
def test_a_configuration_is_an_object(config: Any) -> None:
    with pytest.raises(InvalidRequest, match="must be an object"):
        expand("mlp", config, IMAGES, "config")


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("mlp", TOKENS),
        ("cnn", Ends(TensorSpec((784,)), TensorSpec((10,)))),
        ("vit", Ends(TensorSpec((784,)), TensorSpec((10,)))),
        ("gpt", IMAGES),
        ("cnn", Ends(TensorSpec((1, 28, 28)), TensorSpec((4, 10)))),
    ],
)
def test_each_refuses_data_that_it_is_not_for(name: str, ends: Ends) -> None:
    with pytest.raises(InvalidRequest, match=r"model_config\.architecture is "):
        expand(name, {}, ends, "config")


def test_the_default_cnn_is_two_stages_and_two_linear_layers() -> None:
    stage = ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"]
    assert kinds(expand("cnn", {}, IMAGES, "config")) == [
        *stage,
        *stage,
        "Flatten",
        "Linear",
        "ReLU",
        "Linear",
    ]


def test_an_mlp_has_what_its_configuration_says() -> None:
    config = {"hidden": [20], "activation": "gelu", "norm": "layer", "dropout": 0.5}
    assert kinds(expand("mlp", config, IMAGES, "config")) == [
        "Flatten",
        "Linear",
        "LayerNorm",
        "GELU",
        "Dropout",
        "Linear",
    ]
    assert kinds(expand("mlp", {"hidden": []}, IMAGES, "config")) == ["Flatten", "Linear"]


def test_a_gpt_draws_as_gpt_2_does() -> None:
    layers = expand("gpt", {"depth": 8}, TOKENS, "config")
    blocks = [layer for layer in layers if layer["type"] == "TransformerBlock"]
    assert len(blocks) == 8
    assert all(block["init_std"] == 0.02 and block["causal"] for block in blocks)
    assert all(block["residual_std"] == pytest.approx(0.005) for block in blocks)


def test_a_vit_pools_by_its_class_token_or_the_mean() -> None:
    by_class = expand("vit", {"pooling": "class"}, IMAGES, "config")
    by_mean = expand("vit", {"pooling": "mean"}, IMAGES, "config")
    assert "ClassToken" in kinds(by_class) and "ClassToken" not in kinds(by_mean)
    with pytest.raises(InvalidRequest, match="patches of 5 x 5"):
        layers = expand("vit", {"patch_size": 5}, IMAGES, "config")
        parse_layers(layers, IMAGES.inputs, "layers")


@pytest.fixture
def one_more() -> Iterator[str]:
    def make(width: int, ends: Ends) -> Layers:
        linear = {"type": "Linear", "out_features": width}
        last = {"type": "Linear", "out_features": ends.outputs.shape[0]}
        return [{"type": "Flatten"}, linear, last]

    add_architecture(Architecture("bottleneck", "two layers", make, {"width": count(1, 8)}))
    yield "bottleneck"
    del ARCHITECTURES["bottleneck"]


def test_another_one_is_added_from_outside(one_more: str) -> None:
    layers = expand(one_more, {"width": 3}, IMAGES, "config")
    assert parse_layers(layers, IMAGES.inputs, "layers").outputs == IMAGES.outputs
    with pytest.raises(InvalidRequest, match=r"config\.width is missing"):
        expand(one_more, {}, IMAGES, "config")
