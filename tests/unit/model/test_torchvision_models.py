"""torchvision's models as sequences of blocks: names, initial weights, and what they compute."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from actors.core.errors import InvalidRequest
from actors.core.model.blocks import (
    build_blocks,
    empty_blocks,
    num_blocks,
    num_parameters,
    state_names,
)
from actors.core.model.facts import model_facts
from actors.core.model.libraries.drawing import draw_state
from actors.core.model.libraries.torchvision_models import (
    LIBRARY,
    torchvision_model,
    torchvision_names,
)
from actors.core.model.model_spec import ModelSpec, TensorSpec, layer
from actors.core.model.registry import make_layer
from actors.core.torchvision_compat import import_torchvision

SEED, SIZE = 7, 32
NAMES = ("convnext_tiny", "mobilenet_v3_small", "resnet18", "vit_b_16")


def model_of(name: str) -> ModelSpec:
    return torchvision_model(name, TensorSpec((3, SIZE, SIZE)), 10, "architecture", SEED)


def plain_of(name: str) -> nn.Module:
    sized = {"image_size": SIZE} if name.startswith("vit") else {}
    plain: nn.Module = import_torchvision("torchvision.models").get_model(
        name, weights=None, num_classes=10, **sized
    )
    return plain


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_those_that_torchvision_draws_whatever_the_split(name: str) -> None:
    model = model_of(name)
    torch.manual_seed(SEED)
    plain = plain_of(name)
    expected = plain.state_dict()
    count = num_blocks(model)
    drawn: dict[str, torch.Tensor] = {}
    for start, end in ((0, 2), (2, count)):
        own = build_blocks(model, start, end).state_dict()
        named = frozenset[str]().union(*(state_names(model, i) for i in range(start, end)))
        assert own.keys() == named and not own.keys() & drawn.keys()
        drawn |= own
    assert drawn.keys() == expected.keys()
    assert all(torch.equal(drawn[key], expected[key]) for key in expected)
    assert num_parameters(model) == sum(p.numel() for p in plain.parameters())


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "resnet18"])
def test_outputs_and_gradients_are_those_of_the_plain_model(name: str) -> None:
    model = model_of(name)
    blocks, plain = empty_blocks(model, 0, num_blocks(model)), plain_of(name)
    blocks.load_state_dict(plain.state_dict())
    blocks.eval(), plain.eval()
    images = torch.randn(2, 3, SIZE, SIZE)
    for module in (blocks, plain):
        module(images).square().mean().backward()
    own = dict(blocks.named_parameters())
    for key, parameter in plain.named_parameters():
        grad = own[key].grad
        assert grad is not None and parameter.grad is not None
        assert torch.equal(grad, parameter.grad), key


def test_drawing_leaves_the_generator_where_the_constructor_does() -> None:
    torch.manual_seed(SEED)
    with torch.random.fork_rng(devices=[]):
        plain_of("mobilenet_v3_small")
        expected = torch.get_rng_state()
    draw_state(lambda: plain_of("mobilenet_v3_small"), ["classifier.3.bias"])
    assert torch.equal(torch.get_rng_state(), expected)


def test_what_is_not_wanted_has_no_memory_for_long() -> None:
    """Each layer is let go before the next one is drawn."""
    held: list[int] = []

    class Watched(nn.Linear):
        def reset_parameters(self) -> None:
            super().reset_parameters()
            layers.append(self)
            held.append(sum(layer.weight.untyped_storage().nbytes() for layer in layers[8:]))

    layers: list[Watched] = []
    state = draw_state(lambda: nn.Sequential(*(Watched(64, 64) for _ in range(8))), ["7.weight"])
    assert state["7.weight"].abs().sum() > 0
    assert max(held[-8:]) <= 2 * 64 * 64 * 4


def test_a_constructor_that_reads_what_was_let_go_is_noticed() -> None:
    def construct() -> nn.Module:
        first, second = nn.Linear(8, 8), nn.Linear(8, 8)
        with torch.no_grad():
            second.weight.copy_(first.weight)
        return nn.Sequential(first, second)

    with pytest.raises(AssertionError, match="reads again"):
        draw_state(construct, ["1.weight"])


def test_state_of_another_model_is_refused() -> None:
    model = model_of("resnet18")
    blocks = empty_blocks(model, 0, 2)
    with pytest.raises(RuntimeError, match="another model"):
        blocks.load_state_dict({"fc.weight": torch.zeros(1)})


@pytest.mark.parametrize(
    ("name", "sample", "says"),
    [
        ("resnet19", TensorSpec((3, 32, 32)), "resnet18"),
        ("nn.Linear", TensorSpec((3, 32, 32)), "resnet18"),
        ("resnet18", TensorSpec((1, 28, 28)), "3 channels"),
        ("resnet18", TensorSpec((3072,)), "3 channels"),
        ("resnet18", TensorSpec((3, 32, 32), "int64"), "[3, height, width]"),
        ("alexnet", TensorSpec((3, 8, 8)), "use larger ones"),
        ("vit_b_16", TensorSpec((3, 32, 48)), "square"),
        ("vit_b_16", TensorSpec((3, 20, 20)), "vit_b_16 can't take"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, sample: TensorSpec, says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        torchvision_model(name, sample, 10, "model_config.architecture")
    assert says in caught.value.message and "model_config.architecture" in caught.value.message


def test_a_linear_layer_whose_outputs_torchvision_writes_over_has_its_facts() -> None:
    model = model_of("swin_v2_t")
    facts = model_facts(ModelSpec(model.layers[:5], model.inputs))
    assert facts[-1].num_parameters > 0


def test_a_model_that_is_another_one_here_is_refused() -> None:
    model = model_of("squeezenet1_1")
    changed = {**model.layers[0].keywords, "graph": "another"}
    with pytest.raises(InvalidRequest, match=r"squeezenet1_1 of torchvision .* on all devices"):
        make_layer(layer(LIBRARY, changed))


def test_every_family_is_there() -> None:
    families = ("resnet", "vgg", "densenet", "efficientnet", "convnext", "vit", "swin", "mobilenet")
    for family in families:
        assert any(name.startswith(family) for name in torchvision_names())
