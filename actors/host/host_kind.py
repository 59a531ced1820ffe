"""The facts of a device's host that decide the bits of its arithmetic."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from actors.core.stages.compute_device import CPU, ComputeDevice
from actors.core.version import __version__

CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class HostKind:
    """Tandem's and PyTorch's versions, the CPU with the instructions that PyTorch uses, and what
    computes: ``CPU`` or the accelerator's name."""

    tandem: str
    torch: str
    cpu: str
    device: str = CPU.name


def this_host(device: ComputeDevice = CPU) -> HostKind:
    """The host of the calling process, which computes there."""
    cpu = f"{_cpu_model()}, {torch.backends.cpu.get_cpu_capability()}"
    return HostKind(__version__, torch.__version__, cpu, device.name)


def _cpu_model() -> str:
    """The CPU's name by Linux; on other systems only the kind of machine."""
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
