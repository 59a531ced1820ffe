from __future__ import annotations

import subprocess
import sys

import torch
from torch import nn

from actors.core.model.blocks import build_blocks
from actors.core.model.model_spec import mlp
from actors.core.optimizers import Sgd

NETWORK = mlp((20, 30, 10), seed=1)


def test_sgd_is_torchs_bit_for_bit() -> None:
    own, reference = build_blocks(NETWORK, 0, 2), build_blocks(NETWORK, 0, 2)
    optimizer = Sgd(dict(own.named_parameters()), 0.01)
    torchs = torch.optim.SGD(reference.parameters(), lr=0.01)
    _step_both(own, optimizer, reference, torchs, num_steps=5)
    _assert_same_bits(own, reference)


def test_a_training_stage_does_not_import_the_compiler() -> None:
    script = """
import sys, torch
from actors.core.model.model_spec import mlp
from actors.core.model.randomness import Moment
from actors.core.specs import StageSpec
from actors.core.stage import Stage
from actors.core.tasks.loss import Loss
from actors.core.tasks.task_spec import CLASSIFICATION
import actors.layer_actor
stage = Stage(StageSpec(mlp((4, 3)), 0, 1, 0, 1, ()))
stage.start_session(0.1)
targets = torch.tensor([0, 1])
stage.forward_loss(Moment(), torch.zeros(2, 4), targets, Loss(CLASSIFICATION), 1.0)
stage.backward(0, None)
stage.update()
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_momentum_is_torchs_bit_for_bit_and_goes_on_from_its_state() -> None:
    own, reference = build_blocks(NETWORK, 0, 2), build_blocks(NETWORK, 0, 2)
    optimizer = Sgd(dict(own.named_parameters()), 0.01, momentum=0.9)
    torchs = torch.optim.SGD(reference.parameters(), lr=0.01, momentum=0.9, foreach=False)
    _step_both(own, optimizer, reference, torchs, num_steps=3)
    parameters = dict(own.named_parameters())
    resumed = Sgd(parameters, 0.01, momentum=0.9, state=optimizer.state())
    _step_both(own, resumed, reference, torchs, num_steps=3)
    _assert_same_bits(own, reference)


def _step_both(
    own: nn.Module,
    optimizer: Sgd,
    reference: nn.Module,
    torchs: torch.optim.SGD,
    num_steps: int,
) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(num_steps):
        inputs = torch.randn(8, 20, generator=generator)
        for model, steps in ((own, optimizer), (reference, torchs)):
            steps.zero_grad()
            model(inputs).square().mean().backward()
            steps.step()


def _assert_same_bits(own: nn.Module, reference: nn.Module) -> None:
    pairs = zip(own.parameters(), reference.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_plain_sgd_keeps_nothing() -> None:
    layers = build_blocks(NETWORK, 0, 2)
    optimizer = Sgd(dict(layers.named_parameters()), 0.01)
    layers(torch.ones(2, 20)).mean().backward()
    optimizer.step()
    assert optimizer.state() == {}
