"""Optimisers against the classes of torch.optim, bit for bit."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from actors.core.fields import number
from actors.core.model.blocks import build_blocks
from actors.core.model.model_spec import mlp
from actors.core.recipe.kind_spec import KindSpec
from actors.core.recipe.optimizer import (
    OPTIMIZERS,
    Optimizer,
    OptimizerKind,
    Update,
    add_optimizer,
    num_copies,
    slots_of,
)
from actors.core.recipe.recipe import parse_recipe

NETWORK = mlp((20, 30, 10), seed=1)
RATE = 0.013
OPTIONS: dict[str, dict[str, list[Any]]] = {
    "SGD": {"momentum": [0.0, 0.9], "weight_decay": [0.0, 0.1], "dampening": [0.0, 0.3]},
    "Adam": {
        "betas": [[0.9, 0.999], [0.8, 0.9]],
        "eps": [1e-8, 1e-3],
        "weight_decay": [0.0, 0.1],
        "amsgrad": [False, True],
    },
    "RMSprop": {
        "alpha": [0.99, 0.5],
        "weight_decay": [0.0, 0.1],
        "momentum": [0.0, 0.9],
        "centered": [False, True],
    },
    "Adagrad": {
        "lr_decay": [0.0, 0.1],
        "weight_decay": [0.0, 0.1],
        "initial_accumulator_value": [0.0, 0.5],
        "eps": [1e-10, 1e-3],
    },
}
OPTIONS["AdamW"] = {**OPTIONS["Adam"], "weight_decay": [0.01, 0.1]}
SPECS = [
    {"type": kind, **dict(zip(options, values, strict=True))}
    for kind, options in OPTIONS.items()
    for values in itertools.product(*options.values())
]
SPECS.append({"type": "SGD", "momentum": 0.9, "nesterov": True, "weight_decay": 0.1})


def spec_of(given: dict[str, Any]) -> KindSpec:
    return parse_recipe({"optimizer": given}).optimizer


@pytest.mark.parametrize("given", SPECS, ids=lambda given: "-".join(map(str, given.values())))
def test_twenty_steps_are_torchs_bit_for_bit_and_go_on_from_a_state(given: dict[str, Any]) -> None:
    spec = spec_of(given)
    own, reference = build_blocks(NETWORK, 0, 2), build_blocks(NETWORK, 0, 2)
    named = dict(own.named_parameters())
    plain = OPTIMIZERS[spec.kind].plain(reference.parameters(), lr=RATE, **spec.keywords)
    optimizer = Optimizer(spec, named)
    assert optimizer.state() == {}
    step_both(own, lambda: optimizer.step(RATE), reference, plain.step, seed=0)
    state = {name: tensor.clone() for name, tensor in optimizer.state().items()}
    again = Optimizer(spec, named, state)
    step_both(own, lambda: again.step(RATE), reference, plain.step, seed=1)
    pairs = zip(own.parameters(), reference.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    kept = [slot.name for slot in slots_of(spec)]
    assert set(again.state()) == {f"{slot}.{name}" for slot in kept for name in named}
    large = [t for t in again.state().values() if t.ndim]
    parameters = sum(p.numel() for p in named.values())
    assert sum(t.numel() for t in large) == num_copies(spec) * parameters


def step_both(
    own: nn.Module,
    step: Callable[[], object],
    reference: nn.Module,
    plain_step: Callable[[], object],
    seed: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(10):
        inputs = torch.randn(8, 20, generator=generator)
        for model, does in ((own, step), (reference, plain_step)):
            model.zero_grad()
            model(inputs).square().mean().backward()
            does()


def test_training_stages_do_not_import_the_compiler() -> None:
    script = """
import sys, torch
from actors.core.model.model_spec import mlp
from actors.core.model.randomness import Moment
from actors.core.recipe.optimizer import OPTIMIZERS
from actors.core.recipe.recipe import parse_recipe
from actors.core.stages.specs import StageSpec
from actors.core.stages.stage import Stage
from actors.core.tasks.loss import Loss
from actors.core.tasks.task_spec import CLASSIFICATION
import actors.layer_actor
targets = torch.tensor([0, 1])
for optimizer in OPTIMIZERS:
    stage = Stage(StageSpec(mlp((4, 3)), 0, 1, 0, 1, ()))
    stage.start_session(parse_recipe({"optimizer": optimizer}))
    stage.forward_loss(Moment(), torch.zeros(2, 4), targets, Loss(CLASSIFICATION), 1.0)
    stage.backward(0, None)
    stage.update(0.1)
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=180)


def test_a_kind_from_outside_trains_like_the_others() -> None:
    def by_sign(step: Update) -> None:
        for parameter, gradient in zip(step.parameters, step.gradients, strict=True):
            parameter -= step.learning_rate * step.arguments["scale"] * gradient.sign()

    sign = OptimizerKind(
        "Sign",
        "steps by the sign alone",
        0.5,
        {"scale": number(0.0, 1.0, 1.0)},
        lambda arguments: (),
        by_sign,
        torch.optim.SGD,
    )
    add_optimizer(sign)
    try:
        recipe = parse_recipe({"optimizer": {"type": "Sign", "scale": 0.25}})
        weight = torch.zeros(3, requires_grad=True)
        optimizer = Optimizer(recipe.optimizer, {"0.weight": weight})
        weight.grad = torch.tensor([2.0, -3.0, 0.0])
        optimizer.step(recipe.learning_rate)
    finally:
        del OPTIMIZERS["Sign"]
    assert recipe.learning_rate == 0.5
    assert weight.tolist() == [-0.125, 0.125, 0.0]
