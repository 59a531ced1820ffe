"""Measures how long messages take between two stages: they send some to and fro, and compute in
between.

They compute because a way to send that is fast while nobody computes may take the core away from
those who do.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import torch

from actors.channels.channel import Receiver, Sender
from actors.channels.messages import message_bytes
from actors.core.model.model_spec import TensorSpec
from actors.core.recipe.precision import FP32
from actors.core.recipe.wire_format import pack
from actors.core.stages.compute_device import ComputeDevice
from actors.core.stages.profiles import LinkProfile

WORK_SIZE = 96
MIN_BYTES_PER_S, MAX_BYTES_PER_S = 1e4, 1e11


@dataclass(frozen=True)
class TrialSpec:
    """So many ``rounds`` with messages of one ``sample``, then as many of ``rows``, in the
    precision ``wire``; each side computes ``compute_s`` before it sends. The first round of either
    kind is not counted."""

    rows: int
    sample: TensorSpec
    wire: str = FP32
    rounds: int = 7
    compute_s: float = 5e-4

    @property
    def sizes(self) -> tuple[int, int]:
        """Samples in a small and in a large message."""
        return 1, self.rows


@dataclass(frozen=True)
class TrialTimes:
    """Seconds by size of message: of round trips and of sending, as the thrower saw them."""

    round_trips: tuple[float, ...]
    sends: tuple[float, ...]


def throw(
    sender: Sender, receiver: Receiver, spec: TrialSpec, device: ComputeDevice
) -> tuple[TrialTimes, TrialTimes]:
    """Sends small and large messages from this device and back to it."""
    step, found = 0, []
    for rows in spec.sizes:
        message = device.take(torch.rand(rows, *spec.sample.shape))
        round_trips, sends = [], []
        for _ in range(spec.rounds + 1):
            _compute(spec.compute_s)
            begin = time.perf_counter()
            sender.send(pack(message, spec.wire, sender.give(device)), step, 0)
            sends.append(time.perf_counter() - begin)
            _take(receiver, step, device)
            round_trips.append(time.perf_counter() - begin)
            step += 1
        found.append(TrialTimes(tuple(round_trips[1:]), tuple(sends[1:])))
    return found[0], found[1]


def throw_back(
    receiver: Receiver, sender: Sender, spec: TrialSpec, device: ComputeDevice
) -> tuple[float, float]:
    """Seconds that it computed in a round of small and of large messages."""
    step, found = 0, []
    for _ in spec.sizes:
        computed = []
        for _ in range(spec.rounds + 1):
            message = _take(receiver, step, device)
            computed.append(_compute(spec.compute_s))
            sender.send(pack(message, spec.wire, sender.give(device)), step, 0)
            step += 1
        found.append(statistics.median(computed[1:]))
    return found[0], found[1]


def link_profile(
    kind: str,
    spec: TrialSpec,
    thrown: tuple[TrialTimes, TrialTimes],
    computed: tuple[float, float],
) -> LinkProfile:
    """A message is taken for half a round trip; the two sizes make a line."""
    small, large = (message_bytes(rows, spec.sample, spec.wire) for rows in spec.sizes)
    ways = [
        max(1e-6, (statistics.median_low(times.round_trips) - work_s) / 2)
        for times, work_s in zip(thrown, computed, strict=True)
    ]
    sends = [statistics.median_low(times.sends) for times in thrown]
    per_byte_s = (ways[1] - ways[0]) / max(1, large - small)
    send_per_byte_s = max(0.0, (sends[1] - sends[0]) / max(1, large - small))
    bytes_per_s = 1 / per_byte_s if per_byte_s > 0 else MAX_BYTES_PER_S
    bytes_per_s = min(MAX_BYTES_PER_S, max(MIN_BYTES_PER_S, bytes_per_s))
    latency_s = max(1e-6, ways[0] - small / bytes_per_s)
    return LinkProfile(kind, latency_s, bytes_per_s, sends[0], send_per_byte_s)


def _take(receiver: Receiver, step: int, device: ComputeDevice) -> torch.Tensor:
    message = receiver.recv(step, 0).tensor
    assert message is not None, "a trial has no end but its last message"
    return device.take(message)


def _compute(seconds: float) -> float:
    """Multiplies for about so long; returns for how long."""
    begin = time.perf_counter()
    work = torch.rand(WORK_SIZE, WORK_SIZE)
    while time.perf_counter() - begin < seconds:
        work = (work @ work).clamp(0.0, 1.0)
    return time.perf_counter() - begin
