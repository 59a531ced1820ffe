from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from actors.core.model.blocks import build_blocks
from actors.core.model.model_spec import mlp
from actors.core.model.randomness import Moment
from actors.core.recipe.recipe import PLAIN_SGD
from actors.core.stages.flops import count_stage_flops, tflops
from actors.core.stages.specs import StageSpec
from actors.core.stages.stage import Stage
from actors.core.tasks.loss import Loss
from actors.core.tasks.task_spec import CLASSIFICATION

NETWORK = mlp((6, 5, 4, 3), seed=11)


def test_weights_do_not_depend_on_the_split() -> None:
    whole = build_blocks(NETWORK, 0, 3).state_dict()
    parts = {**build_blocks(NETWORK, 0, 1).state_dict(), **build_blocks(NETWORK, 1, 3).state_dict()}
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_weights_depend_on_the_seed() -> None:
    other = dataclasses.replace(NETWORK, seed=12)
    a, b = build_blocks(NETWORK, 0, 1), build_blocks(other, 0, 1)
    assert not torch.equal(a.state_dict()["0.weight"], b.state_dict()["0.weight"])


def test_the_parameters_load_into_a_plain_sequential() -> None:
    plain = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    layers = build_blocks(NETWORK, 0, 3)
    plain.load_state_dict(layers.state_dict())
    inputs = torch.randn(2, 6)
    assert torch.equal(plain(inputs), layers(inputs))


def test_the_last_layer_has_no_relu() -> None:
    assert [type(m).__name__ for m in build_blocks(NETWORK, 2, 3)] == ["Linear"]


def test_initial_weights_have_the_bounds_of_torchs_linear() -> None:
    big = mlp((400, 300, 10))
    weight = build_blocks(big, 0, 1).state_dict()["0.weight"]
    assert 0.049 < weight.abs().max().item() <= 1 / 20


def test_a_stage_counts_the_activations_it_holds() -> None:
    stage = Stage(StageSpec.of(NETWORK, 0, 2, 0, 2))
    stage.start_session(PLAIN_SGD)
    for microbatch in range(3):
        stage.forward(Moment(microbatch=microbatch), torch.randn(2, 6))
    stage.backward(0, torch.ones(2, 4))
    stage.forward(Moment(microbatch=3), torch.randn(2, 6))
    assert stage.max_held == 3


def test_the_first_stage_returns_no_gradient_and_others_do() -> None:
    first, last = Stage(StageSpec.of(NETWORK, 0, 2, 0, 2)), Stage(StageSpec.of(NETWORK, 1, 2, 2, 3))
    first.start_session(PLAIN_SGD)
    last.start_session(PLAIN_SGD)
    hidden = first.forward(Moment(microbatch=0), torch.randn(2, 6))
    last.forward_loss(Moment(), hidden, torch.tensor([0, 1]), Loss(CLASSIFICATION), 1.0)
    gradient = last.backward(0, None)
    assert gradient is not None and gradient.shape == (2, 4)
    assert first.backward(0, gradient) is None


@pytest.mark.parametrize(("start", "end"), [(0, 3), (0, 1), (1, 3), (2, 3)])
def test_flops_are_those_that_torch_counts(start: int, end: int) -> None:
    spec = StageSpec.of(NETWORK, 0 if start == 0 else 1, 2, start, end)
    layers = build_blocks(NETWORK, start, end)
    inputs = torch.randn(8, *spec.inputs.shape, requires_grad=not spec.is_first)
    with FlopCounterMode(display=False) as forward:
        outputs = layers(inputs)
    with FlopCounterMode(display=False) as backward:
        outputs.sum().backward()
    flops = count_stage_flops(spec.facts, 8)
    assert flops.forward == forward.get_total_flops() > 0
    assert flops.backward == backward.get_total_flops() > 0


def test_tflops_without_any_time_are_zero() -> None:
    assert tflops(10**12, 2.0) == 0.5
    assert tflops(10**12, 0.0) == 0.0
