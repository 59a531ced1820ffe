"""A kind of layer and a library's models, registered from outside the packages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import fx, nn

from actors.core.errors import InvalidRequest
from actors.core.fields import number
from actors.core.model.blocks import build_blocks, num_blocks, state_names
from actors.core.model.facts import model_facts
from actors.core.model.libraries.tracing import Cut, cuts, part, trace
from actors.core.model.model_spec import ModelSpec, TensorSpec, layer
from actors.core.model.parse import parse_layers
from actors.core.model.registry import (
    KINDS,
    PLAIN_MODELS,
    LayerKind,
    PlainModels,
    add_kind,
    add_plain_models,
)

SAMPLE = TensorSpec((6,))


class Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), factor))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * self.weight


class Plain(nn.Module):
    """Its first layer is drawn last, and both are used twice or by more than one branch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.last = nn.Linear(width, 4)
        self.shared = nn.Linear(6, 6)
        self.first = nn.Linear(6, width)
        nn.init.normal_(self.last.weight, std=0.5)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        twice = self.shared(self.shared(inputs)) + inputs
        outputs: torch.Tensor = self.last(torch.relu(self.first(twice)))
        return outputs


@pytest.fixture
def scale() -> Iterator[None]:
    add_kind(LayerKind("Scale", "times a number", Scale, {"factor": number(0.0, 9.0)}))
    yield
    del KINDS["Scale"]


def traced(width: int) -> tuple[nn.Module, fx.Graph]:
    with torch.device("meta"):
        model = Plain(width)
    return model, trace(model)


def make(width: int, start: int, end: int) -> nn.Module:
    return part(*traced(width), Cut(start, end))


@pytest.fixture
def library() -> Iterator[None]:
    add_plain_models(PlainModels("ours", lambda width, start, end: Plain(width), make))
    yield
    del PLAIN_MODELS["ours"]


@pytest.mark.usefixtures("scale")
def test_a_kind_of_layer_needs_no_more_than_its_entry() -> None:
    layers = [{"type": "Scale", "factor": 2.0}, {"type": "Linear", "out_features": 3}]
    model = ModelSpec(parse_layers(layers, SAMPLE, "layers").layers, SAMPLE)
    assert build_blocks(model, 0, 1).state_dict()["0.weight"].item() == 2.0
    assert [facts.num_parameters for facts in model_facts(model)] == [1, 21]
    with pytest.raises(InvalidRequest, match=r"layers\[0\]\.factor is missing"):
        parse_layers([{"type": "Scale"}], SAMPLE, "layers")


@pytest.mark.usefixtures("library")
def test_a_librarys_models_need_no_more_than_their_entry() -> None:
    found = cuts(*traced(5), SAMPLE.shape)
    ends = [{"width": 5, "start": cut.start, "end": cut.end} for cut in found]
    model = ModelSpec(tuple(layer("ours", own) for own in ends), SAMPLE, seed=3)
    assert [sorted(state_names(model, i)) for i in range(num_blocks(model))] == [
        ["shared.bias", "shared.weight"],
        ["first.bias", "first.weight"],
        ["last.bias", "last.weight"],
    ]
    torch.manual_seed(3)
    plain = Plain(5)
    for start, end in ((0, 1), (1, 3)):
        for name, tensor in build_blocks(model, start, end).state_dict().items():
            assert torch.equal(tensor, plain.state_dict()[name]), name
    blocks, inputs = build_blocks(model, 0, 3), torch.randn(7, 6)
    assert torch.equal(blocks(inputs), plain(inputs))
