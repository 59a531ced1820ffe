"""Messages by gloo, between two ends in one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import torch

from actors.channels.channel import Receiver, Sender
from actors.channels.gloo import GlooReceiver, GlooSender
from actors.channels.gloo_group import GlooGroup
from actors.channels.messages import HEADER_BYTES
from actors.channels.pair_group import SECRET_BYTES
from actors.core.errors import ChannelClosed, ChannelTimeout

HOST, LONG_S, SOON_S = "127.0.0.1", 5.0, 0.2
ROOM = HEADER_BYTES + 4000


@dataclass
class Ends:
    sends: GlooGroup
    receives: GlooGroup

    def close(self) -> None:
        self.sends.close()
        self.receives.close()


def introduced(timeout_s: float = LONG_S) -> Ends:
    ends = Ends(
        GlooGroup(0, HOST, "0 -> 1", timeout_s),
        GlooGroup(1, HOST, "0 -> 1", timeout_s),
    )
    told = ends.sends.introduction(), ends.receives.introduction()
    ends.sends.meet(told[1])
    ends.receives.meet(told[0])
    return ends


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = introduced()
    ends.sends.ready()
    ends.receives.ready()
    yield ends
    ends.close()


def test_messages_of_all_sizes_arrive_in_order_bit_for_bit(ends: Ends) -> None:
    sender = Sender(GlooSender(ends.sends, ROOM, 2), 1, LONG_S)
    receiver = Receiver(GlooReceiver(ends.receives, ROOM, 2), 1, LONG_S)
    sent = [torch.rand(rows, 10) for rows in (100, 1, 7, 100, 3)]

    def send_all() -> None:
        for i, tensor in enumerate(sent):
            sender.send(tensor, i, 0)

    thread = threading.Thread(target=send_all)
    thread.start()
    for i, tensor in enumerate(sent):
        got = receiver.recv(i, 0).tensor
        assert got is not None and torch.equal(got, tensor) and got.data_ptr() % 64 == 0
    thread.join(LONG_S)
    sender.send(None, 5, 0)
    assert receiver.recv(5, 0).tensor is None


def test_a_received_tensor_stays_when_the_next_messages_come(ends: Ends) -> None:
    sender = Sender(GlooSender(ends.sends, ROOM, 2), 1, LONG_S)
    receiver = Receiver(GlooReceiver(ends.receives, ROOM, 2), 1, LONG_S)
    kept = []
    for i in range(8):
        sender.send(torch.full((4,), float(i)), i, 0)
        got = receiver.recv(i, 0).tensor
        assert got is not None
        kept.append(got)
    assert torch.equal(torch.stack(kept)[:, 0], torch.arange(8.0))


def test_messages_arrive_while_the_receiver_does_not_ask(ends: Ends) -> None:
    sender, receiver = GlooSender(ends.sends, ROOM, 1), GlooReceiver(ends.receives, ROOM, 2)
    for text in (b"first", b"second", b"third"):
        sender.put((text,), LONG_S)  # each waits until the one before has gone
    assert bytes(receiver.get(LONG_S)[:5]) == b"first"


def test_a_sender_waits_where_nothing_is_taken(ends: Ends) -> None:
    sender = GlooSender(ends.sends, ROOM, 2)
    sender.put((b"1",), SOON_S)
    sender.put((b"2",), SOON_S)
    with pytest.raises(ChannelTimeout, match="not taken"):
        sender.put((b"3",), SOON_S)


def test_a_message_that_does_not_come_times_out(ends: Ends) -> None:
    receiver = GlooReceiver(ends.receives, ROOM, 2)
    with pytest.raises(ChannelTimeout, match="did not come"):
        receiver.get(SOON_S + 0.0009)  # gloo counts whole milliseconds
    with pytest.raises(ChannelClosed):  # gloo closes a connection by which a wait ran out
        receiver.get(SOON_S)


@pytest.mark.parametrize("closing", ["sends", "receives"])
def test_closing_either_end_wakes_a_blocked_receiver(ends: Ends, closing: str) -> None:
    receiver = GlooReceiver(ends.receives, ROOM, 2)
    threading.Timer(0.05, getattr(ends, closing).close).start()
    begin = time.monotonic()
    with pytest.raises(ChannelClosed):
        receiver.get(LONG_S)
    assert time.monotonic() - begin < LONG_S / 2


def test_closing_wakes_a_blocked_sender(ends: Ends) -> None:
    sender = GlooSender(ends.sends, ROOM, 1)
    sender.put((b"1",), LONG_S)
    threading.Timer(0.05, sender.close).start()
    with pytest.raises(ChannelClosed):
        sender.put((b"2",), LONG_S)


def test_a_closed_end_takes_and_gives_nothing(ends: Ends) -> None:
    sender, receiver = GlooSender(ends.sends, ROOM, 2), GlooReceiver(ends.receives, ROOM, 2)
    ends.close()
    ends.close()
    with pytest.raises(ChannelClosed):
        sender.put((b"1",), LONG_S)
    with pytest.raises(ChannelClosed):
        receiver.get(LONG_S)


def test_groups_of_two_generations_share_nothing() -> None:
    old, new = introduced(), introduced()
    for group in (old.sends, old.receives, new.sends, new.receives):
        group.ready()
    senders = [GlooSender(ends.sends, ROOM, 2) for ends in (old, new)]
    for sender, text in zip(senders, (b"old", b"new"), strict=True):
        sender.put((text,), LONG_S)
    old.close()
    try:
        assert bytes(GlooReceiver(new.receives, ROOM, 2).get(LONG_S)[:3]) == b"new"
    finally:
        new.close()


def test_who_does_not_know_the_secret_gets_no_channel() -> None:
    ends = Ends(GlooGroup(0, HOST, "edge", 2.0), GlooGroup(1, HOST, "edge", 2.0))
    told = ends.sends.introduction(), ends.receives.introduction()
    ends.sends.meet(replace(told[1], secret=bytes(SECRET_BYTES)))
    ends.receives.meet(told[0])
    with pytest.raises(ChannelClosed, match="a stranger"):
        ends.sends.ready()
    with pytest.raises(ChannelClosed):
        ends.sends.send(torch.zeros(1, dtype=torch.uint8))
    ends.close()


def test_a_neighbour_that_never_comes_is_given_up_in_time() -> None:
    group = GlooGroup(0, HOST, "edge", SOON_S)
    assert group.introduction().entries
    with pytest.raises(ChannelTimeout, match="no connection"):
        group.ready()


def test_closing_ends_a_group_that_is_still_being_made() -> None:
    group = GlooGroup(0, HOST, "edge", LONG_S)
    group.introduction()
    group.close()
    begin = time.monotonic()
    with pytest.raises(ChannelClosed):
        group.ready()
    assert time.monotonic() - begin < LONG_S / 2
