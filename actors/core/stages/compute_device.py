"""The device on which a stage computes: the CPU, or the process's accelerator (CUDA, XPU, MPS).

Tensors of channels, data sets and snapshots are in the host's memory, except those that NCCL
carries; only ``take`` and ``give`` move them to the device and back. An accelerator works later
than its calls, so its times come from events in its own stream.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn

from actors.core.sources.stored_rows import StoredRows
from actors.core.sources.views import SampleView
from actors.core.transform_spec import Draws

MS_PER_S = 1000.0
MW_PER_W = 1000.0


class ComputeDevice:
    """The CPU: tensors are where they are needed, and what was called is done."""

    name = "CPU"
    accelerator: str | None = None
    """Its name; None for the CPU."""
    defers = False
    """Whether work may still be under way when its call has returned."""
    has_nccl = False
    """Whether it could exchange tensors with another device of its kind by NCCL."""

    def place(self, layers: nn.Sequential) -> nn.Sequential:
        """The layers with their parameters on the device."""
        return layers

    def host_buffer(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Memory of the host for what the device is to take."""
        return torch.empty(shape, dtype=dtype)

    def own_buffer(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Memory of the device."""
        return torch.empty(shape, dtype=dtype)

    def has(self, tensor: torch.Tensor) -> bool:
        """Whether it is in the device's memory."""
        return True

    def take(self, tensor: torch.Tensor) -> torch.Tensor:
        """From the host to the device, any shape and type; one that is there stays."""
        return tensor

    def give(self, tensor: torch.Tensor) -> torch.Tensor:
        """From the device to the host, once it is computed."""
        return tensor

    def load(
        self,
        view: SampleView,
        stored: StoredRows,
        samples: torch.Tensor | slice,
        draws: Draws | None = None,
    ) -> torch.Tensor:
        """A batch of those samples from the host's array, transformed there. They travel as they
        are stored: bytes are a quarter of what floats would be on the way."""
        return view.prepare(self.take(view.gather(stored, samples, draws)))

    def mark(self) -> Any:
        """This moment of the device's work; ``seconds`` gives the time between two of them."""
        return time.perf_counter()

    def seconds(self, begin: Any, end: Any) -> float:
        """Between two marks; waits until the device is past the later one."""
        took_s: float = end - begin
        return took_s

    def synchronize(self) -> None:
        """Waits until all is done that was asked for."""

    def own_memory_bytes(self) -> int | None:
        """Its memory apart from the host's; None if it has none."""
        return None

    def used_memory_bytes(self) -> int | None:
        """What this process has of that."""
        return None

    def power_w(self) -> float | None:
        """What it draws now; None where nobody tells it."""
        return None


class Accelerator(ComputeDevice):
    """The process's own accelerator, by ``torch.accelerator``.

    If the accelerator has its own memory, copies go through page-locked memory, and then do not
    wait for each other: PyTorch does not reuse such memory before a copy from it is done. It could
    reuse other memory earlier, so a copy from that is waited for. Products are float32, not TF32
    (PyTorch's default).
    """

    defers = True

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pins = device.type != "mps"  # which shares the host's memory
        self.has_nccl = self._tells_power = device.type == "cuda"
        self.name = self.accelerator = _name_of(device)

    def place(self, layers: nn.Sequential) -> nn.Sequential:
        """Moves them there."""
        return layers.to(self._device)

    def host_buffer(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Page-locked."""
        return torch.empty(shape, dtype=dtype, pin_memory=self._pins)

    def own_buffer(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """There."""
        return torch.empty(shape, dtype=dtype, device=self._device)

    def has(self, tensor: torch.Tensor) -> bool:
        """A process has one accelerator."""
        return tensor.device.type == self._device.type

    def take(self, tensor: torch.Tensor) -> torch.Tensor:
        """The copy may still be under way; what uses it comes behind it."""
        if self.has(tensor):
            return tensor
        if self._pins and not tensor.is_pinned():
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=self._pins)

    def give(self, tensor: torch.Tensor) -> torch.Tensor:
        """Waits for the copy."""
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=self._pins)
        host.copy_(tensor, non_blocking=True)
        copied = torch.Event(self._device)  # of this stream: another one may wait for a neighbour
        copied.record()
        copied.synchronize()
        return host

    def mark(self) -> torch.Event:
        """The moment at which all work requested so far is done."""
        event = torch.Event(self._device, enable_timing=True)
        event.record()
        return event

    def seconds(self, begin: Any, end: Any) -> float:
        """Between two events."""
        end.synchronize()
        took_s: float = begin.elapsed_time(end) / MS_PER_S
        return took_s

    def synchronize(self) -> None:
        """Waits for all streams."""
        torch.accelerator.synchronize()

    def own_memory_bytes(self) -> int | None:
        """None for MPS, which shares the host's memory."""
        if self._device.type == "mps":
            return None
        return int(torch.accelerator.get_memory_info()[1])

    def used_memory_bytes(self) -> int | None:
        """None for MPS."""
        if self._device.type == "mps":
            return None
        return int(torch.accelerator.memory_reserved())

    def power_w(self) -> float | None:
        """By NVML, if its Python package (nvidia-ml-py) is there."""
        if not self._tells_power:
            return None
        try:
            return float(torch.cuda.power_draw()) / MW_PER_W
        except Exception:  # whatever it is: it would be so the next time
            self._tells_power = False
            return None


CPU = ComputeDevice()


def this_device() -> ComputeDevice:
    """The process's accelerator, otherwise its CPU."""
    device = torch.accelerator.current_accelerator(check_available=True)
    return CPU if device is None else Accelerator(device)


def _name_of(device: torch.device) -> str:
    """Its maker's name, if PyTorch knows it."""
    module = torch.get_device_module(device)
    if hasattr(module, "get_device_name"):
        return str(module.get_device_name())
    return device.type.upper()
