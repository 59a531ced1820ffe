"""What NCCL would carry, by a process group that stands in for it: no machine of the tests has two
CUDA devices."""

from __future__ import annotations

import os
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, ClassVar

import pytest
import ray
import torch
import torch.distributed

from actors.channels.edge_ends import ChannelKind, EdgeEnds, EdgeSpec
from actors.channels.messages import HEADER_BYTES
from actors.channels.nccl import ENVIRONMENT, NcclGroup, NcclTransport
from actors.core.errors import ChannelClosed, ChannelTimeout
from actors.core.recipe.wire_format import WIRE_FORMATS, WIRES, pack
from actors.core.stages.compute_device import ComputeDevice

EDGE = EdgeSpec("0 -> 1", "forward", ChannelKind.NCCL, HEADER_BYTES + 64, 2, 1, 5.0, 5.0)
SOON_S = 0.2
FEW = 4
ID_KEY = "0:1"


class FakeCuda(ComputeDevice):
    """What has a few numbers is on the device."""

    name = accelerator = "NVIDIA F"
    has_nccl = True

    def has(self, tensor: torch.Tensor) -> bool:
        return tensor.numel() >= FEW


class FakeWork:
    """Completed once the tensor has come, as the device sees it."""

    def __init__(self, group: FakeGroup) -> None:
        self._group = group
        self.done = threading.Event()

    def is_completed(self) -> bool:
        return self.done.is_set() or self._group.aborted

    def wait(self, timeout: timedelta) -> None:
        assert timeout > timedelta(0)
        if self._group.fails:
            raise RuntimeError("NCCL communicator: remote process exited")


class FakeGroup:
    """torch's NCCL group: rank 0 sets the id by which rank 1 joins; a message completes at both
    sides when its receive was begun, and has to have its size exactly."""

    class Options:
        _timeout: timedelta

    _met: ClassVar[defaultdict[bytes, tuple[deque[Any], deque[Any]]]] = defaultdict(
        lambda: (deque(), deque())
    )
    _lock = threading.Lock()

    def __init__(self, store: Any, rank: int, size: int, options: Any) -> None:
        assert size == 2 and options._timeout > timedelta(0)
        assert all(os.environ[name] == value for name, value in ENVIRONMENT.items())
        self._store, self._rank, self._id = store, rank, b""
        self.aborted = self.fails = False

    def send(self, tensors: list[torch.Tensor], rank: int, tag: int) -> FakeWork:
        return self._begin(tensors, rank, 0)

    def recv(self, tensors: list[torch.Tensor], rank: int, tag: int) -> FakeWork:
        return self._begin(tensors, rank, 1)

    def abort(self) -> None:
        self.aborted = True

    def _begin(self, tensors: list[torch.Tensor], rank: int, side: int) -> FakeWork:
        if self.aborted:
            raise RuntimeError("NCCL communicator was aborted")
        assert rank == 1 - self._rank == 1 - side and len(tensors) == 1
        if not self._id:
            self._join()
        work = FakeWork(self)
        with self._lock:
            sides = self._met[self._id]
            sides[side].append((tensors[0], work))
            if sides[0] and sides[1]:
                (sent, out), (room, into) = sides[0].popleft(), sides[1].popleft()
                assert sent.shape == room.shape and sent.dtype == room.dtype
                room.copy_(sent)
                out.done.set()
                into.done.set()
        return work

    def _join(self) -> None:
        if self._rank == 0:
            self._id = os.urandom(16)
            self._store.set(ID_KEY, self._id)
        else:
            self._id = self._store.get(ID_KEY)


class Actor:
    """The writer as an actor: its calls are threads."""

    def __init__(self, pool: ThreadPoolExecutor, ends: EdgeEnds) -> None:
        self._pool, self._ends = pool, ends
        self.meet_reader = self

    def remote(self, *arguments: Any) -> Future[None]:
        return self._pool.submit(self._ends.meet_reader, *arguments)


@pytest.fixture
def nccl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    monkeypatch.setattr(torch.distributed, "ProcessGroupNCCL", FakeGroup, raising=False)
    monkeypatch.setattr(ray, "get", lambda future, timeout: future.result(timeout))
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "")  # and gone behind the test


@pytest.fixture
def stages(nccl: None) -> Iterator[tuple[EdgeEnds, EdgeEnds]]:
    """Writer and reader, connected."""
    writer, reader = EdgeEnds(FakeCuda()), EdgeEnds(FakeCuda())
    with ThreadPoolExecutor(1) as pool:
        reader.open_in(EDGE, Actor(pool, writer), writer.open_out(EDGE, None, "node"))
        yield writer, reader
        writer.forget()
        reader.forget()


def groups(timeout_s: float = 5.0) -> tuple[NcclGroup, NcclGroup]:
    sends, receives = (NcclGroup(rank, FakeCuda(), "0 -> 1", timeout_s) for rank in (0, 1))
    receives.meet(sends.introduction())
    sends.ready()
    receives.ready()
    return sends, receives


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_on_the_device_goes_beside_its_header(stages: Any, wire: str) -> None:
    """And is larger than the room of a message."""
    writer, reader = stages
    sender, tensor = writer.senders["forward"], torch.rand(40, 64)
    give = sender.give(FakeCuda())
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(sender.send, pack(tensor, wire, give), 3, 2)
        got = reader.receivers["forward"].recv(3, 2).tensor
        sent.result(5.0)
    expected, form = tensor.clone(), WIRE_FORMATS[wire]
    form.unpack(form.pack(tensor), expected)
    assert torch.equal(got, expected)


def test_what_is_on_the_host_goes_with_its_header(stages: Any) -> None:
    writer, reader = stages
    writer.senders["forward"].send(torch.arange(3.0), 0, 0)
    writer.senders["forward"].send(None, 1, 0)
    assert torch.equal(reader.receivers["forward"].recv(0, 0).tensor, torch.arange(3.0))
    assert reader.receivers["forward"].recv(1, 0).tensor is None


def test_a_tensor_of_an_earlier_generation_is_dropped_with_its_header(stages: Any) -> None:
    writer, reader = stages
    sender = writer.senders["forward"]
    sender._generation = 0
    sender.send(torch.zeros(2, 2), 0, 0)
    sender._generation = 1
    sender.send(torch.ones(2, 2), 0, 0)
    assert torch.equal(reader.receivers["forward"].recv(0, 0).tensor, torch.ones(2, 2))


def test_tensors_under_way_are_bounded(nccl: None) -> None:
    sends, receives = groups()
    sender = NcclTransport(sends, FakeCuda(), 2)
    for _ in range(2):
        sender.put((torch.ones(2, 2),), SOON_S)
    with pytest.raises(ChannelTimeout, match="not taken"):
        sender.put((torch.ones(2, 2),), SOON_S)
    sends.close()
    receives.close()


def test_a_tensor_that_does_not_come_times_out(nccl: None) -> None:
    _, receives = groups()
    with pytest.raises(ChannelTimeout, match="did not come"):
        NcclTransport(receives, FakeCuda(), 2).get(
            (2, 2), torch.float32, WIRE_FORMATS["fp32"], SOON_S
        )


def test_closing_wakes_who_waits_for_a_tensor(nccl: None) -> None:
    _, receives = groups()
    receiver = NcclTransport(receives, FakeCuda(), 2)
    threading.Timer(0.05, receiver.close).start()
    with pytest.raises(ChannelClosed, match="was closed"):
        receiver.get((2, 2), torch.float32, WIRE_FORMATS["fp32"], 5.0)
    with pytest.raises(ChannelClosed):
        receives.recv(torch.ones(2, 2))


def test_a_neighbour_that_is_gone_closes_the_channel(nccl: None) -> None:
    sends, receives = groups()
    receives._group.fails = True
    sends.send(torch.ones(2, 2))
    with pytest.raises(ChannelClosed, match="neighbour is gone"):
        NcclTransport(receives, FakeCuda(), 2).get((2, 2), torch.float32, WIRE_FORMATS["fp32"], 5.0)


def test_a_cpu_opens_no_such_channel(nccl: None) -> None:
    with pytest.raises(ChannelClosed, match="CUDA"):
        EdgeEnds().open_out(EDGE, None, "node")


def test_a_pytorch_without_nccl_opens_no_such_channel(
    nccl: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: False)
    with pytest.raises(ChannelClosed, match="without NCCL"):
        EdgeEnds(FakeCuda()).open_out(EDGE, None, "node")
