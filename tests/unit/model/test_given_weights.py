"""What is new beside given weights, and as what it begins."""

from __future__ import annotations

import torch

from actors.core.model.blocks import build_blocks, num_blocks
from actors.core.model.given_weights import NewPart, drawn_state, new_part
from actors.core.model.libraries.torchvision_models import torchvision_model
from actors.core.model.model_spec import TensorSpec
from actors.core.torchvision_compat import import_torchvision
from tests.support.models import CNN

NORM = {f"1.{name}" for name in ("weight", "bias")}
NORM |= {f"1.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")}


def test_a_new_part_is_of_blocks_modules_and_tensors_with_their_buffers() -> None:
    assert new_part(CNN, ("1",), "new").names == NORM  # the second block, and its only layer
    assert new_part(CNN, ("1.running_*",), "new").names == {"1.running_mean", "1.running_var"}
    assert new_part(CNN, ("7.*", "0.bias"), "new").names == {"7.weight", "7.bias", "0.bias"}
    assert new_part(CNN, (), "new") == NewPart((), frozenset())


def test_what_is_new_has_the_values_of_the_whole_model() -> None:
    whole = build_blocks(CNN, 0, num_blocks(CNN)).state_dict()
    names = new_part(CNN, ("1", "7.*"), "new").names
    drawn = drawn_state(CNN, names)
    assert drawn.keys() == names
    assert all(torch.equal(drawn[name], whole[name]) for name in names)
    assert drawn_state(CNN, frozenset()) == {}


def test_a_new_last_layer_of_a_library_is_drawn_as_in_the_plain_model() -> None:
    model = torchvision_model("resnet18", TensorSpec((3, 32, 32)), 3, "architecture", 7)
    drawn = drawn_state(model, new_part(model, ("fc",), "new").names)
    torch.manual_seed(7)
    plain = import_torchvision("torchvision.models").resnet18(num_classes=3).fc.state_dict()
    assert drawn.keys() == {"fc.weight", "fc.bias"}
    assert all(torch.equal(drawn[f"fc.{name}"], plain[name]) for name in plain)
