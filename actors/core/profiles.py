"""What was measured of a device and of a link: plain figures that travel and are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from actors.core.specs import NetworkSpec


@dataclass(frozen=True)
class LayerKey:
    """What makes two layers take the same time: their sizes, and whether they are the network's
    first (no gradient of its inputs) or last (with the loss)."""

    num_inputs: int
    num_outputs: int
    is_first: bool = False
    is_last: bool = False

    @property
    def num_weights(self) -> int:
        return self.num_inputs * self.num_outputs


def layer_keys(network: NetworkSpec) -> tuple[LayerKey, ...]:
    """One a layer, in order."""
    sizes, last = network.layer_sizes, network.num_layers - 1
    return tuple(
        LayerKey(sizes[i], sizes[i + 1], i == 0, i == last) for i in range(network.num_layers)
    )


@dataclass(frozen=True)
class LayerTimes:
    """Seconds of one layer for one microbatch; ``backward_s`` is both gradients at once."""

    forward_s: float
    backward_s: float
    input_grad_s: float
    weight_grad_s: float


@dataclass(frozen=True)
class LayerPoint:
    """A layer's times for a microbatch of ``rows`` samples."""

    rows: int
    times: LayerTimes


@dataclass(frozen=True)
class LayerProfile:
    """A layer as measured, its points by rising rows, and the seconds of one update of it."""

    key: LayerKey
    points: tuple[LayerPoint, ...]
    update_s: float


@dataclass(frozen=True)
class StageOverhead:
    """Seconds that a stage takes besides its layers' own: for a forward pass, for a backward pass
    (and for each half of a split one), for an update."""

    forward_s: float = 0.0
    backward_s: float = 0.0
    update_s: float = 0.0


Times = TypeVar("Times", LayerTimes, StageOverhead)


@dataclass(frozen=True)
class ComputeProfile:
    """How fast a device computes with so many threads.

    ``load_s`` and ``load_per_row_s`` are gathering and normalising samples in the first stage.
    """

    threads: int
    matmul_flops_per_s: float
    overhead: StageOverhead
    layers: tuple[LayerProfile, ...]
    load_s: float = 0.0
    load_per_row_s: float = 0.0


def stretched(profile: ComputeProfile, factor: float) -> ComputeProfile:
    """The same device when everything takes ``factor`` times as long; its best rate stays."""

    def all_of(times: Times) -> Times:
        return type(times)(*(factor * seconds for seconds in vars(times).values()))

    layers = tuple(
        LayerProfile(
            layer.key,
            tuple(LayerPoint(point.rows, all_of(point.times)) for point in layer.points),
            factor * layer.update_s,
        )
        for layer in profile.layers
    )
    return replace(
        profile,
        overhead=all_of(profile.overhead),
        layers=layers,
        load_s=factor * profile.load_s,
        load_per_row_s=factor * profile.load_per_row_s,
    )


@dataclass(frozen=True)
class DeviceProfile:
    """A device: what it has, and how it computes.

    ``own`` is with the threads that a stage has there, measured while the job's other devices
    were busy, too; ``all_cores`` is with all of them, alone on its host. None: not measured.
    """

    cores: int
    memory_bytes: int | None
    accelerator: str | None
    own: ComputeProfile
    all_cores: ComputeProfile | None = None


@dataclass(frozen=True)
class LinkProfile:
    """How long a message is on its way from one device to the next, and how long its sender is
    kept from computing by it: each a fixed part and a part for each byte."""

    kind: str
    latency_s: float
    bytes_per_s: float
    send_s: float = 0.0
    send_per_byte_s: float = 0.0

    def delivery_s(self, num_bytes: float) -> float:
        """From the sender's call to the receiver's having it."""
        return self.latency_s + num_bytes / self.bytes_per_s

    def carrying_s(self, num_bytes: float) -> float:
        """How long the message keeps the next one waiting, the sender's part left out."""
        return max(0.0, num_bytes / self.bytes_per_s - num_bytes * self.send_per_byte_s)

    def sending_s(self, num_bytes: float) -> float:
        """The sender's part of that."""
        return min(self.delivery_s(num_bytes), self.send_s + num_bytes * self.send_per_byte_s)

    def taking_s(self, num_bytes: float) -> float:
        """The receiver's: as much work, as far as it is left."""
        sending_s = self.sending_s(num_bytes)
        return min(sending_s, self.delivery_s(num_bytes) - sending_s)


def device_profile_json(profile: DeviceProfile) -> dict[str, Any]:
    """Fit for ``parse_device_profile``."""
    return asdict(profile)


def parse_device_profile(given: Mapping[str, Any]) -> DeviceProfile:
    """The profile of which ``device_profile_json`` made this."""
    all_cores = given["all_cores"]
    return DeviceProfile(
        given["cores"],
        given["memory_bytes"],
        given["accelerator"],
        _compute(given["own"]),
        None if all_cores is None else _compute(all_cores),
    )


def _compute(given: Mapping[str, Any]) -> ComputeProfile:
    return ComputeProfile(
        given["threads"],
        given["matmul_flops_per_s"],
        StageOverhead(**given["overhead"]),
        tuple(_layer(layer) for layer in given["layers"]),
        given["load_s"],
        given["load_per_row_s"],
    )


def _layer(given: Mapping[str, Any]) -> LayerProfile:
    points: Sequence[Mapping[str, Any]] = given["points"]
    return LayerProfile(
        LayerKey(**given["key"]),
        tuple(LayerPoint(p["rows"], LayerTimes(**p["times"])) for p in points),
        given["update_s"],
    )
