"""What of a device's host decides which bits come out of its arithmetic."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from actors.core.compute_device import CPU, ComputeDevice
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
    """Of the process that calls and computes there."""
    cpu = f"{_cpu_model()}, {torch.backends.cpu.get_cpu_capability()}"
    return HostKind(__version__, torch.__version__, cpu, device.name)


def _cpu_model() -> str:
    """As Linux names it; elsewhere the kind of machine, for want of better."""
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
