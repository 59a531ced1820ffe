from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from actors.channels.actor_calls import JOINED_BYTES, StreamSender, join, split
from actors.core.errors import ChannelClosed


@pytest.fixture
def sender() -> StreamSender:
    return StreamSender("stage 0 -> stage 1")


def put(sender: StreamSender, *messages: bytes) -> Iterator[list[bytes]]:
    for message in messages:
        sender.put((message,), 1.0)
    return results_of(sender)


def results_of(sender: StreamSender) -> Iterator[list[bytes]]:
    """Each with its messages."""
    for result in sender.results():
        yield [bytes(message) for message in split(result)]


def test_what_waits_goes_together_and_in_order(sender: StreamSender) -> None:
    results = put(sender, b"a", b"b", b"c")
    assert next(results) == [b"a", b"b", b"c"]
    assert next(put(sender, b"d")) == [b"d"]


def test_a_result_does_not_grow_beyond_its_size(sender: StreamSender) -> None:
    large, small = bytes(JOINED_BYTES), b"s"
    results = put(sender, large, small, large, small)
    assert next(results) == [large]
    assert next(results) == [small, large]
    assert next(results) == [small]


def test_the_stream_ends_behind_what_was_put(sender: StreamSender) -> None:
    results = put(sender, b"a", b"b")
    sender.close()
    assert list(results) == [[b"a", b"b"]]


def test_closing_ends_a_stream_that_waits(sender: StreamSender) -> None:
    ended: list[bytes] = []
    thread = threading.Thread(target=lambda: ended.extend(sender.results()))
    thread.start()
    sender.close()
    thread.join(5.0)
    assert not thread.is_alive() and ended == []


def test_nothing_can_be_put_into_a_closed_channel(sender: StreamSender) -> None:
    sender.close()
    with pytest.raises(ChannelClosed, match="stage 0 -> stage 1"):
        sender.put((b"a",), 1.0)


def test_a_single_message_is_a_result_as_it_is() -> None:
    message = b"\x00" * 40
    assert split(message)[0] is message


def test_joined_messages_come_apart_again() -> None:
    messages = [b"", b"a", bytes(range(256)) * 9, b"\xff" * 16]
    assert [bytes(m) for m in split(join(messages))] == messages
