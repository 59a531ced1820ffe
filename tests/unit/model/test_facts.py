from __future__ import annotations

import itertools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from actors.core.model.blocks import build_blocks, num_blocks
from actors.core.model.facts import block_keys, model_facts
from actors.core.model.model_spec import ModelSpec, TensorSpec, mlp
from tests.support.models import CNN, TRANSFORMER, model_of

TOKENS = model_of(
    [
        {"type": "Embedding", "num_embeddings": 30, "embedding_dim": 8},
        {"type": "TransformerBlock", "num_heads": 2, "feedforward_dim": 16, "causal": True},
        {"type": "Linear", "out_features": 30},
    ],
    TensorSpec((6,), "int64"),
)


def test_a_linear_layer_has_a_product_forward_and_two_backward() -> None:
    first, middle, last = model_facts(mlp((20, 30, 40, 10)))
    assert [f.forward.of(7) for f in (first, middle, last)] == [8_400, 16_800, 5_600]
    assert [f.weight_grad.of(7) for f in (first, middle, last)] == [8_400, 16_800, 5_600]
    assert [f.input_grad.of(7) for f in (first, middle, last)] == [0, 16_800, 5_600]


@pytest.mark.parametrize("model", [CNN, TRANSFORMER, TOKENS], ids=["cnn", "transformer", "tokens"])
def test_operations_are_those_that_pytorch_counts(model: ModelSpec) -> None:
    rows = 5
    layers = build_blocks(model, 0, num_blocks(model)).to("meta")
    dtype = torch.int64 if model.inputs.dtype == "int64" else torch.float32
    inputs = torch.empty(rows, *model.inputs.shape, dtype=dtype, device="meta")
    with FlopCounterMode(display=False) as forward:
        outputs = layers(inputs)
    with FlopCounterMode(display=False) as backward:
        outputs.backward(torch.empty_like(outputs))
    facts = model_facts(model)
    assert sum(f.forward.of(rows) for f in facts) == forward.get_total_flops()
    assert (
        sum(f.input_grad.of(rows) + f.weight_grad.of(rows) for f in facts)
        == backward.get_total_flops()
    )


@pytest.mark.parametrize("model", [CNN, TRANSFORMER, TOKENS], ids=["cnn", "transformer", "tokens"])
def test_blocks_follow_each_other_and_count_their_state(model: ModelSpec) -> None:
    facts = model_facts(model)
    assert facts[0].inputs == model.inputs
    assert all(a.outputs == b.inputs for a, b in itertools.pairwise(facts))
    layers = build_blocks(model, 0, num_blocks(model))
    assert sum(f.num_parameters for f in facts) == sum(p.numel() for p in layers.parameters())
    assert sum(f.buffer_bytes for f in facts) == sum(b.nbytes for b in layers.buffers())


def test_what_autograd_saves_grows_with_the_samples() -> None:
    block = model_facts(CNN)[1]  # batch norm, ReLU, pooling, dropout
    saved = block.saved
    # At least the ReLU's outputs (4 x 8 x 8) and the places of the largest (int64, 4 x 4 x 4).
    assert saved.row >= 4 * 64 * 4 + 64 * 8
    assert saved.of(10) - saved.of(9) == saved.row


def test_alike_blocks_are_looked_at_once() -> None:
    keys = block_keys(mlp((8, 16, 16, 16, 10)))
    assert keys[1] == keys[2] and len(set(keys)) == 3
