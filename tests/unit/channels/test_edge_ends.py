"""Channels opened by two stages, without Ray: a call of an actor is a thread here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import ray
import torch

from actors.channels.edge_ends import ChannelKind, EdgeEnds, EdgeSpec
from actors.channels.messages import HEADER_BYTES
from actors.core.errors import ChannelClosed

EDGE = EdgeSpec("0 -> 1", "forward", ChannelKind.GLOO, HEADER_BYTES + 4000, 2, 1, 10.0, 10.0)


class Method:
    """``method.remote(…)`` of an actor."""

    def __init__(self, pool: ThreadPoolExecutor, method: Any) -> None:
        self._pool, self._method = pool, method

    def remote(self, *arguments: Any) -> Future[Any]:
        return self._pool.submit(self._method, *arguments)


class Actor:
    def __init__(self, pool: ThreadPoolExecutor, ends: EdgeEnds) -> None:
        self.meet_reader = Method(pool, ends.meet_reader)


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[EdgeEnds, EdgeEnds, Actor]]:
    """Writer, reader, and the writer as an actor."""
    monkeypatch.setattr(ray, "get", lambda future, timeout: future.result(timeout))
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")
    writer, reader = EdgeEnds(), EdgeEnds()
    with ThreadPoolExecutor(1) as pool:
        yield writer, reader, Actor(pool, writer)
        writer.forget()
        reader.forget()


def test_an_edge_by_gloo_carries_messages_once_both_ends_have_met(stages: Any) -> None:
    writer, reader, actor = stages
    reader.open_in(EDGE, actor, writer.open_out(EDGE, None, "node"))
    writer.senders["forward"].send(torch.ones(3, 2), 0, 0)
    assert torch.equal(reader.receivers["forward"].recv(0, 0).tensor, torch.ones(3, 2))


def test_a_new_session_closes_the_channels_of_the_one_before(stages: Any) -> None:
    writer, reader, actor = stages
    reader.open_in(EDGE, actor, writer.open_out(EDGE, None, "node"))
    sender, receiver = writer.senders["forward"], reader.receivers["forward"]
    reader.open_in(EDGE, actor, writer.open_out(EDGE, None, "node"))
    with pytest.raises(ChannelClosed):
        sender.send(torch.ones(1), 0, 0)
    with pytest.raises(ChannelClosed):
        receiver.recv(0, 0)
    writer.senders["forward"].send(torch.ones(3, 2), 0, 0)
    assert reader.receivers["forward"].recv(0, 0).tensor is not None


def test_a_side_without_gloo_opens_no_such_channel(
    stages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader, actor = stages
    opened = writer.open_out(EDGE, None, "node")
    monkeypatch.setitem(sys.modules, "actors.channels.group_ends", None)
    with pytest.raises(ImportError):
        reader.open_in(EDGE, actor, opened)
    assert reader.receivers == {}
