from __future__ import annotations

import pickle
import threading

import pytest
import torch

from actors.channels.channel import Receiver, Sender
from actors.channels.messages import HEADER_BYTES, decode, encode, message_bytes
from actors.core.errors import ChannelClosed, ChannelTimeout, NonFiniteLoss, StageFailure
from actors.core.model.model_spec import TensorSpec
from actors.core.recipe.wire_format import pack
from tests.support.mailbox import Mailbox


def wire_form(generation: int, step: int, microbatch: int, tensor: torch.Tensor) -> bytes:
    return b"".join(encode(generation, step, microbatch, pack(tensor)))


def test_a_message_survives_the_wire_bit_for_bit() -> None:
    tensor = torch.tensor([[1.5, -0.0, float("inf")], [1e-45, 3.0, -2.0]])
    message = decode(wire_form(3, 4, 5, tensor))
    assert (message.header.generation, message.header.step, message.header.microbatch) == (3, 4, 5)
    assert message.tensor is not None
    assert message.tensor.view(torch.int32).equal(tensor.view(torch.int32))


def test_a_received_tensor_is_aligned_and_may_require_gradients() -> None:
    message = decode(wire_form(1, 1, 1, torch.ones(3, 7)))
    assert message.tensor is not None
    assert message.tensor.data_ptr() % 64 == 0
    assert message.tensor.requires_grad_().is_leaf


def test_a_message_has_the_size_that_buffers_are_made_for() -> None:
    assert message_bytes(3, TensorSpec((7,))) == HEADER_BYTES + 84
    assert 84 < len(wire_form(1, 1, 1, torch.ones(3, 7))) <= HEADER_BYTES + 84


def test_what_lies_behind_a_message_does_not_count() -> None:
    message = decode(wire_form(1, 1, 1, torch.ones(3, 7)) + b"of an older message")
    assert message.tensor is not None and message.tensor.equal(torch.ones(3, 7))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64, torch.uint8])
def test_a_message_keeps_shape_and_dtype(dtype: torch.dtype) -> None:
    tensor = torch.arange(24).reshape(2, 3, 2, 2).to(dtype)
    message = decode(wire_form(1, 1, 1, tensor))
    assert message.tensor is not None and message.tensor.dtype is dtype
    assert message.tensor.equal(tensor)


def test_a_transposed_tensor_is_sent_in_row_order() -> None:
    tensor = torch.arange(6.0).reshape(2, 3).T
    message = decode(wire_form(1, 1, 1, tensor))
    assert message.tensor is not None and message.tensor.equal(tensor)


def ends(generation: int = 1, slots: int = 2, timeout_s: float = 0.05) -> tuple[Sender, Receiver]:
    mailbox = Mailbox(slots, "edge")
    return Sender(mailbox, generation, timeout_s), Receiver(mailbox, generation, timeout_s)


def test_the_end_of_a_session_is_received_as_none() -> None:
    sender, receiver = ends()
    sender.send(None, 7, 0)
    assert receiver.recv(7, 2).tensor is None


def test_an_unexpected_message_is_refused_with_both_names() -> None:
    sender, receiver = ends()
    sender.send(torch.ones(1, 1), 7, 1)
    with pytest.raises(StageFailure, match=r"\(1, 7, 0\).*\(1, 7, 1\)"):
        receiver.recv(7, 0)


@pytest.mark.parametrize(("wire", "body_bytes"), [("fp32", 84), ("bf16", 42), ("int8", 33)])
def test_both_ends_count_what_travels(wire: str, body_bytes: int) -> None:
    sender, receiver = ends()
    for number in range(2):
        sender.send(pack(torch.ones(3, 7), wire), 0, number)
        receiver.recv(0, number)
    sender.send(None, 1, 0)
    receiver.recv(1, 0)
    assert sender.num_bytes == receiver.num_bytes
    assert 0 < sender.num_bytes - 2 * body_bytes <= 3 * HEADER_BYTES
    assert receiver.taking_s > 0


def test_what_an_earlier_generation_left_is_dropped() -> None:
    mailbox = Mailbox(2, "edge")
    Sender(mailbox, 1, 1.0).send(torch.zeros(1, 1), 9, 9)
    Sender(mailbox, 2, 1.0).send(torch.ones(1, 1), 0, 0)
    assert torch.equal(Receiver(mailbox, 2, 1.0).recv(0, 0).tensor, torch.ones(1, 1))


def test_a_message_that_does_not_come_times_out() -> None:
    with pytest.raises(ChannelTimeout, match="did not come"):
        ends()[1].recv(0, 0)


def test_a_message_that_is_not_taken_times_out() -> None:
    sender, _ = ends(slots=1)
    sender.send(torch.ones(1, 1), 0, 0)
    with pytest.raises(ChannelTimeout, match="not taken"):
        sender.send(torch.ones(1, 1), 0, 1)


def test_closing_wakes_who_waits() -> None:
    _, receiver = ends(timeout_s=30.0)
    threading.Timer(0.05, receiver.close).start()
    with pytest.raises(ChannelClosed):
        receiver.recv(0, 0)


@pytest.mark.parametrize("kind", [StageFailure, NonFiniteLoss, ChannelTimeout])
def test_errors_survive_pickling(kind: type[StageFailure]) -> None:
    copy = pickle.loads(pickle.dumps(kind("because")))
    assert type(copy) is kind and copy.message == str(copy) == "because"
