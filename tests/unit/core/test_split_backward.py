from __future__ import annotations

import weakref
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from actors.core.model.model_spec import mlp
from actors.core.model.randomness import Moment
from actors.core.recipe.recipe import PLAIN_SGD
from actors.core.stages.flops import count_stage_flops
from actors.core.stages.specs import StageSpec
from actors.core.stages.split_backward import LayerNotes, input_grad
from actors.core.stages.stage import Stage
from actors.core.tasks.loss import Loss
from actors.core.tasks.task_spec import CLASSIFICATION

features = st.integers(1, 40)
rows = st.integers(1, 33)
LOSS = Loss(CLASSIFICATION)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@given(st.lists(features, min_size=2, max_size=5), st.lists(rows, min_size=1, max_size=4))
def test_both_halves_give_the_bits_of_the_whole_in_the_middle(
    sizes: list[int], batches: list[int]
) -> None:
    spec = middle_stage(sizes)
    whole, halves = started(spec, splits=False), started(spec, splits=True)
    for m, n in enumerate(batches):
        inputs, grad = torch.randn(n, sizes[0]), torch.randn(n, sizes[-1])
        assert torch.equal(
            whole.forward(Moment(microbatch=m), inputs.clone()),
            halves.forward(Moment(microbatch=m), inputs.clone()),
        )
        assert_equal(whole.backward(m, grad), halves.input_grad(m, grad))
    for m in range(len(batches)):
        halves.weight_grad(m)
    assert_equal_gradients(whole, halves)


@given(st.lists(features, min_size=2, max_size=4), st.lists(rows, min_size=1, max_size=4))
def test_both_halves_give_the_bits_of_the_whole_at_the_loss(
    sizes: list[int], batches: list[int]
) -> None:
    spec = StageSpec.of(mlp((3, *sizes), seed=5), 1, 2, 1, len(sizes))
    whole, halves = started(spec, splits=False), started(spec, splits=True)
    for m, n in enumerate(batches):
        inputs, labels = torch.randn(n, sizes[0]), torch.randint(0, sizes[-1], (n,))
        losses = [
            s.forward_loss(Moment(microbatch=m), inputs.clone(), labels, LOSS, 0.3)
            for s in (whole, halves)
        ]
        assert losses[0] == losses[1]
        assert_equal(whole.backward(m, None), halves.input_grad(m, None))
    for m in range(len(batches)):
        halves.weight_grad(m)
    assert_equal_gradients(whole, halves)


def test_the_first_stage_may_be_split_too_and_gives_no_gradient_by_its_inputs() -> None:
    spec = StageSpec.of(mlp((6, 5, 4, 3)), 0, 2, 0, 2)
    whole, halves = started(spec, splits=False), started(spec, splits=True)
    inputs, grad = torch.randn(7, 6), torch.randn(7, 4)
    for stage in (whole, halves):
        stage.forward(Moment(microbatch=0), inputs)
    whole.backward(0, grad)
    assert halves.input_grad(0, grad) is None
    halves.weight_grad(0)
    assert_equal_gradients(whole, halves)


def test_the_first_half_leaves_the_weights_alone() -> None:
    stage = started(middle_stage([4, 5, 3]), splits=True)
    stage.forward(Moment(microbatch=0), torch.randn(2, 4))
    stage.input_grad(0, torch.randn(2, 3))
    assert all(p.grad is None for p in stage.layers.parameters())


def test_what_waits_for_its_weight_gradient_counts_as_held() -> None:
    stage = started(middle_stage([4, 5, 3]), splits=True)
    for m in range(3):
        stage.forward(Moment(microbatch=m), torch.randn(2, 4))
        stage.input_grad(m, torch.randn(2, 3))
    assert stage.max_held == 3
    for m in range(3):
        stage.weight_grad(m)
    stage.forward(Moment(microbatch=3), torch.randn(2, 4))
    assert stage.max_held == 3


def test_outputs_are_let_go_after_the_first_half_and_inputs_after_the_second() -> None:
    stage = started(middle_stage([4, 5, 3]), splits=True)
    inputs, grad = torch.randn(2, 4), torch.randn(2, 3)
    outputs = stage.forward(Moment(microbatch=0), inputs)
    of_inputs = weakref.ref(inputs.untyped_storage())
    of_outputs = weakref.ref(outputs.untyped_storage())
    del inputs, outputs
    stage.input_grad(0, grad)
    assert of_outputs() is None
    assert of_inputs() is not None
    stage.weight_grad(0)
    assert of_inputs() is None


def test_halves_without_a_split_forward_are_our_own_mistake() -> None:
    stage = started(middle_stage([4, 3]), splits=False)
    stage.forward(Moment(microbatch=0), torch.randn(2, 4))
    with pytest.raises(AssertionError, match="start_session"):
        stage.input_grad(0, torch.randn(2, 3))


@pytest.mark.parametrize(("start", "end"), [(0, 3), (0, 1), (1, 3), (2, 3)])
def test_the_flops_of_the_halves_are_those_that_torch_counts(start: int, end: int) -> None:
    spec = StageSpec.of(mlp((6, 5, 4, 3)), 0 if start == 0 else 1, 3, start, end)
    stage = started(spec, splits=True)
    stage.forward(Moment(microbatch=0), torch.randn(8, *spec.inputs.shape))
    with FlopCounterMode(display=False) as first:
        stage.input_grad(0, torch.randn(8, *spec.outputs.shape))
    with FlopCounterMode(display=False) as second:
        stage.weight_grad(0)
    flops = count_stage_flops(spec.facts, 8)
    assert flops.input_grad == first.get_total_flops()
    assert flops.weight_grad == second.get_total_flops() > 0


def middle_stage(sizes: list[int]) -> StageSpec:
    return StageSpec.of(mlp((3, *sizes, 2), seed=5), 1, 3, 1, len(sizes))


def started(spec: StageSpec, splits: bool) -> Stage:
    stage = Stage(spec)
    stage.start_session(PLAIN_SGD, splits_backward=splits)
    return stage


def assert_equal_gradients(whole: Stage, halves: Stage) -> None:
    pairs = zip(whole.layers.parameters(), halves.layers.parameters(), strict=True)
    for a, b in pairs:
        assert_equal(a.grad, b.grad)


def assert_equal(a: torch.Tensor | None, b: torch.Tensor | None) -> None:
    assert a is not None and b is not None
    assert torch.equal(a, b)


def test_a_layer_that_is_used_without_being_called_has_its_gradients() -> None:
    """PyTorch's attention takes its last linear layer's weights and does not call it."""

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            outputs: torch.Tensor = self.inner(inputs, inputs, inputs, need_weights=False)[0]
            return outputs

    torch.manual_seed(3)
    layers = nn.Sequential(nn.Linear(8, 8), Attention(), nn.Linear(8, 4))
    inputs = torch.randn(3, 5, 8)
    layers(inputs).square().sum().backward()
    whole = {name: p.grad.clone() for name, p in layers.named_parameters() if p.grad is not None}
    layers.zero_grad()
    notes = LayerNotes(layers)
    outputs, noted = notes.forward(inputs)
    for left in input_grad(inputs, outputs.square().sum(), noted, None).left:
        left.add()
    for name, parameter in layers.named_parameters():
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, whole[name]), name
