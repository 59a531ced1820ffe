"""Lists of layers: what is completed, and what is refused by the name of its layer."""

from __future__ import annotations

from typing import Any

import pytest

from actors.core.errors import InvalidRequest
from actors.core.fields import Field
from actors.core.model.model_spec import TensorSpec
from actors.core.model.parse import MAX_DIFFERENT, MAX_LAYERS, MAX_NESTING, parse_layers
from actors.core.model.registry import KINDS, LayerKind

IMAGE, SEQUENCE = TensorSpec((4, 8, 8)), TensorSpec((6, 8))
SAMPLES = {
    (1, 2): TensorSpec((8,)),
    (1, 2, 3): TensorSpec((8,)),
    (2,): SEQUENCE,
    (3,): IMAGE,
    (): IMAGE,
}
GIVEN: dict[str, dict[str, Any]] = {
    "Linear": {"out_features": 3},
    "Embedding": {"num_embeddings": 5, "embedding_dim": 3},
    "Conv1d": {"out_channels": 3, "kernel_size": 2},
    "Conv2d": {"out_channels": 3, "kernel_size": 2},
    "ConvTranspose2d": {"out_channels": 3, "kernel_size": 2},
    "MaxPool1d": {"kernel_size": 2},
    "MaxPool2d": {"kernel_size": 2},
    "AvgPool1d": {"kernel_size": 2},
    "AvgPool2d": {"kernel_size": 2},
    "AdaptiveAvgPool1d": {"output_size": 2},
    "AdaptiveAvgPool2d": {"output_size": 2},
    "GroupNorm": {"num_groups": 2},
    "Unflatten": {"unflattened_size": [2, 2]},
    "MultiheadSelfAttention": {"num_heads": 2},
    "TransformerBlock": {"num_heads": 2, "feedforward_dim": 16},
    "PatchEmbedding": {"embed_dim": 8, "patch_size": 2},
    "Residual": {"layers": [{"type": "ReLU"}]},
    "Sequential": {"layers": [{"type": "ReLU"}]},
}
WRONG: tuple[Any, ...] = (None, "x", 1.5, True, -1, 10**12, [], [1, 2, 3, 4], {}, [0], float("nan"))


def sample_for(kind: LayerKind) -> TensorSpec:
    return TensorSpec((6,), "int64") if kind.takes == "int64" else SAMPLES[kind.ranks]


def layer(name: str, **changes: Any) -> dict[str, Any]:
    return {"type": name, **GIVEN.get(name, {}), **changes}


def refused(layers: Any, sample: TensorSpec = IMAGE) -> str:
    with pytest.raises(InvalidRequest) as caught:
        parse_layers(layers, sample, "layers")
    return caught.value.message


def accepts(field: Field, value: Any) -> bool:
    try:
        field.check(value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_is_made_from_what_it_needs_and_refuses_the_rest_by_name(
    kind: LayerKind,
) -> None:
    sample = sample_for(kind)
    parsed = parse_layers([layer(kind.name)], sample, "layers")
    assert [spec.kind for spec in parsed.layers] == [kind.name]
    assert set(parsed.layers[0].keywords) == set(kind.fields)
    assert "layers[0].nonsense" in refused([layer(kind.name, nonsense=1)], sample)
    for name, field in kind.fields.items():
        if field.is_required:
            without = {key: v for key, v in layer(kind.name).items() if key != name}
            assert f"layers[0].{name} is missing" in refused([without], sample)
        for value in WRONG:
            if not accepts(field, value):
                text = refused([layer(kind.name, **{name: value})], sample)
                assert text.startswith(f"layers[0].{name} is ") and field.says in text


def test_sizes_that_follow_are_filled_in_and_held_to() -> None:
    (linear,) = parse_layers([{"type": "Linear", "out_features": 3}], IMAGE, "layers").layers
    assert linear.keywords == {
        "in_features": 8,
        "out_features": 3,
        "bias": True,
        "init_std": None,
    }
    text = refused([{"type": "Conv2d", "in_channels": 3, "out_channels": 1, "kernel_size": 1}])
    assert "layers[0].in_channels is 3" in text and "[4, 8, 8]" in text and "use 4" in text


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ([], "layers"),
        ({"type": "ReLU"}, "layers"),
        (["ReLU"], "layers[0]"),
        ([{"type": "Relu"}], "layers[0].type"),
        ([{"kind": "ReLU"}], "layers[0].type"),
        ([layer("Conv1d")], "layers[0]"),
        ([layer("Conv2d", kernel_size=9)], "layers[0]"),
        ([layer("Flatten"), layer("Conv2d")], "layers[1]"),
        ([layer("Embedding")], "layers[0]"),
        ([layer("GroupNorm", num_groups=3)], "layers[0]"),
        ([layer("Flatten"), layer("Unflatten", unflattened_size=[3, 5])], "layers[1]"),
        ([layer("Flatten", start_dim=2, end_dim=1)], "layers[0]"),
        ([layer("AdaptiveAvgPool2d"), layer("MaxPool2d", kernel_size=4)], "layers[1]"),
        ([layer("Residual", layers=[layer("Conv2d")])], "layers[0]"),
        ([layer("Residual", layers=[])], "layers[0].layers"),
        ([layer("Sequential", layers=[{"type": "No"}])], "layers[0].layers[0].type"),
    ],
)
def test_what_does_not_connect_is_refused_by_the_layer(layers: Any, named: str) -> None:
    assert refused(layers).startswith(named)


def test_very_many_and_deeply_nested_layers_are_refused_at_once() -> None:
    assert f"{MAX_LAYERS:,}" in refused([{"type": "ReLU"}] * 100_000)
    nested: Any = {"type": "ReLU"}
    for _ in range(1_000):
        nested = {"type": "Sequential", "layers": [nested]}
    assert f"{MAX_NESTING} deep" in refused([nested])
    assert f"{MAX_LAYERS:,}" in refused(
        [{"type": "Sequential", "layers": [{"type": "ReLU"}] * 5_000}] * 3
    )


def test_containers_may_be_as_deep_as_is_said() -> None:
    nested: Any = {"type": "ReLU"}
    for _ in range(MAX_NESTING):
        nested = {"type": "Sequential", "layers": [nested]}
    assert parse_layers([nested], IMAGE, "layers").outputs == IMAGE
    assert f"{MAX_NESTING} deep" in refused([{"type": "Sequential", "layers": [nested]}])


def test_very_many_layers_that_all_differ_are_refused_at_once() -> None:
    many = [{"type": "LeakyReLU", "negative_slope": i / 10_000} for i in range(MAX_DIFFERENT + 1)]
    assert f"more than {MAX_DIFFERENT} layers that differ" in refused(many)
    assert parse_layers(many[:-1] * 3, IMAGE, "layers").outputs == IMAGE


def test_each_sample_must_be_told_by_itself() -> None:
    for dim in (0, -4):
        assert "each sample" in refused([{"type": "Softmax", "dim": dim}])
    assert parse_layers([{"type": "Softmax", "dim": 1}], IMAGE, "layers").outputs == IMAGE
    norm = {"type": "BatchNorm1d", "track_running_stats": False}
    assert "more than 1 value" in refused([{"type": "Flatten"}, norm])  # a prediction's one sample


def test_tokens_are_not_added_to_themselves() -> None:
    flat = {"type": "Residual", "layers": [{"type": "Flatten"}]}
    with pytest.raises(InvalidRequest, match=r"layers\[0\].*put an Embedding before it"):
        parse_layers([flat], TensorSpec((6,), "int64"), "layers")


def test_attention_wants_heads_that_divide_its_features() -> None:
    assert "num_heads 3" in refused([layer("MultiheadSelfAttention", num_heads=3)], SEQUENCE)
