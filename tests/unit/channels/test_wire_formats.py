"""What a tensor is behind a channel whose messages are of less precision."""

from __future__ import annotations

import math

import pytest
import torch

from actors.channels.messages import HEADER_BYTES, decode, encode, message_bytes
from actors.core.model.model_spec import TensorSpec
from actors.core.recipe.wire_format import FEWEST_A_SCALE, WIRES, pack, row_length

SHAPES = [(1,), (3, 5), (2, 4, 64), (2, 3, 7, 7), (4, 16, 1, 1), (2, 1)]
LOSSY = [wire for wire in WIRES if wire != "fp32"]


def through(tensor: torch.Tensor, wire: str) -> torch.Tensor:
    message = decode(b"".join(encode(1, 2, 3, pack(tensor, wire))))
    header = message.header
    assert (header.generation, header.step, header.microbatch) == (1, 2, 3)
    assert message.tensor is not None
    return message.tensor


def drawn(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fp32_keeps_every_bit(shape: tuple[int, ...]) -> None:
    tensor = drawn(shape)
    assert torch.equal(through(tensor, "fp32"), tensor)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bf16_rounds_to_the_nearest_even(shape: tuple[int, ...]) -> None:
    tensor = drawn(shape)
    found = through(tensor, "bf16")
    assert found.dtype is torch.float32 and found.shape == tensor.shape
    bits = tensor.view(torch.int32).to(torch.int64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) << 16
    assert torch.equal(found.view(torch.int32), rounded.to(torch.int32))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_int8_is_off_by_half_a_scale_at_most(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    tensor = drawn(shape).to(dtype)
    found = through(tensor, "int8")
    assert found.dtype is dtype and found.shape == tensor.shape
    rows = tensor.float().view(-1, row_length(shape[1:]))
    half_a_scale = rows.abs().amax(1, keepdim=True) / 127 / 2
    off = (found.float().view(rows.shape) - rows).abs()
    assert (off <= half_a_scale + torch.finfo(dtype).eps * rows.abs()).all()
    again = through(found, "int8")
    assert torch.allclose(again.float(), found.float(), rtol=2e-2 if dtype != torch.float32 else 0)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_message_has_the_size_that_buffers_are_made_for(
    shape: tuple[int, ...], wire: str
) -> None:
    data = b"".join(encode(1, 1, 1, pack(drawn(shape), wire)))
    room = message_bytes(shape[0], TensorSpec(shape[1:]), wire)
    assert room - HEADER_BYTES < len(data) <= room


def test_the_bytes_are_half_and_about_a_quarter() -> None:
    sizes = [message_bytes(100, TensorSpec((8, 128)), wire) - HEADER_BYTES for wire in WIRES]
    assert sizes == [409_600, 204_800, 105_600]


def test_a_scale_is_of_one_samples_numbers_and_of_enough_of_them() -> None:
    assert row_length((64, 128)) == 128
    assert row_length((16, 7, 7)) == 49
    assert row_length((64, 1, 1)) == 64
    assert row_length((5,)) == 5 < FEWEST_A_SCALE
    assert row_length(()) == 1
    tensor = torch.stack([torch.full((4,), 1000.0), torch.full((4,), 0.001)])
    assert torch.allclose(through(tensor, "int8"), tensor)


@pytest.mark.parametrize("wire", LOSSY)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_finite_behind_the_wire(wire: str, bad: float) -> None:
    tensor = drawn((2, 64))
    tensor[1, 5] = bad
    found = through(tensor, wire)
    assert torch.isfinite(found[0]).all()
    assert not torch.isfinite(found[1, 5])


def test_int8_makes_nan_of_the_whole_row_and_bf16_keeps_what_it_was() -> None:
    tensor = drawn((2, 64))
    tensor[1, 5] = -math.inf
    assert torch.isnan(through(tensor, "int8")[1]).all()
    assert through(tensor, "bf16")[1, 5] == -math.inf


@pytest.mark.parametrize("wire", LOSSY)
def test_rows_of_zeros_stay_zeros_and_the_smallest_numbers_stay_small(wire: str) -> None:
    assert torch.equal(through(torch.zeros(3, 40), wire), torch.zeros(3, 40))
    tiny = torch.tensor([[1e-45, -1e-40, 1e-38]])
    assert (through(tiny, wire) - tiny).abs().max() < 1e-38


@pytest.mark.parametrize("wire", WIRES)
def test_empty_tensors_pass(wire: str) -> None:
    for shape in ((3, 0), (0, 4)):
        assert through(torch.empty(shape), wire).shape == shape


@pytest.mark.parametrize("wire", LOSSY)
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_tokens_and_masks_are_never_rounded(wire: str, dtype: torch.dtype) -> None:
    tensor = torch.arange(200).reshape(2, 100).to(dtype)
    found = through(tensor, wire)
    assert found.dtype is dtype and torch.equal(found, tensor)
    size = message_bytes(2, TensorSpec((100,), "int64"), wire)
    assert size == message_bytes(2, TensorSpec((100,), "int64"))


def test_a_tensor_that_is_not_packed_goes_as_it_is() -> None:
    norms = drawn((7,))
    message = decode(b"".join(encode(1, 1, 1, pack(norms))))
    assert message.tensor is not None and torch.equal(message.tensor, norms)


@pytest.mark.parametrize("wire", WIRES)
def test_a_tensor_in_another_order_goes_by_rows(wire: str) -> None:
    tensor = drawn((64, 3)).T
    assert torch.equal(through(tensor, wire), through(tensor.contiguous(), wire))


@pytest.mark.parametrize("wire", WIRES)
def test_every_part_is_brought_to_the_host(wire: str) -> None:
    moved: list[torch.Tensor] = []

    def give(part: torch.Tensor) -> torch.Tensor:
        moved.append(part)
        return part.clone()

    packed = pack(drawn((2, 64)), wire, give)
    assert len(moved) == len(packed.parts)
    assert sum(part.nbytes for part in moved) == message_bytes(2, TensorSpec((64,)), wire) - (
        HEADER_BYTES
    )
