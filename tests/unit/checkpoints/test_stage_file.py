from __future__ import annotations

import safetensors.torch
import torch

from actors.core.progress.snapshots import Cursor, StageSnapshot, Tensors
from orchestrator.checkpoints.stage_file import decode_stage, encode_stage

WEIGHTS = {
    "10.weight": torch.randn(3, 5),
    "2.weight": torch.randn(4, 7).t(),
    "2.bias": torch.tensor([float("nan"), -0.0, 1e-45]),
    "4.empty": torch.empty(0, 3),
    "4.scalar": torch.tensor(2.5),
}
OPTIMIZER = {"momentum.2.weight": torch.randn(7, 4, requires_grad=True)}


def content(weights: Tensors, optimizer: Tensors) -> bytes:
    return b"".join(encode_stage(StageSnapshot(0, 1, Cursor(), weights, optimizer)))


def test_the_bytes_are_those_of_the_safetensors_library() -> None:
    plain = {n: t.detach().contiguous() for n, t in WEIGHTS.items()}
    plain["optimizer.momentum.2.weight"] = OPTIMIZER["momentum.2.weight"].detach()
    assert content(WEIGHTS, OPTIMIZER) == safetensors.torch.save(plain)


def test_a_stage_without_tensors_is_a_file_too() -> None:
    assert content({}, {}) == safetensors.torch.save({})
    assert decode_stage(content({}, {})) == ({}, {})


def test_every_bit_comes_back() -> None:
    weights, optimizer = decode_stage(content(WEIGHTS, OPTIMIZER))
    assert weights.keys() == WEIGHTS.keys() and optimizer.keys() == OPTIMIZER.keys()
    for name, tensor in weights.items():
        assert tensor.shape == WEIGHTS[name].shape
        expected = WEIGHTS[name].contiguous().view(-1).view(torch.int32)
        assert tensor.view(-1).view(torch.int32).equal(expected), name


def test_each_tensor_has_aligned_memory_of_its_own() -> None:
    weights, optimizer = decode_stage(content(WEIGHTS, OPTIMIZER))
    for tensor in [*weights.values(), *optimizer.values()]:
        assert tensor.untyped_storage().nbytes() == tensor.nbytes
        assert tensor.data_ptr() % 64 == 0


def test_the_tensors_are_not_copied_on_the_way_out() -> None:
    tensor = torch.zeros(4)
    _, part = encode_stage(StageSnapshot(0, 1, Cursor(), {"0.bias": tensor}))
    tensor[0] = 1.0
    assert bytes(part) == tensor.numpy().tobytes()
