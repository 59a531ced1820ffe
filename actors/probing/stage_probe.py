"""Measures how fast this process computes the blocks of a model, within a given time.

It times ``Stage`` itself, so that the figures include all its costs. On a shared core, a short
operation ends before the core switches to another process, and a long one does not. So if one
thread computes, an operation's time is the time it worked, stretched by the share of the core that
it had.
"""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from actors.core.stages.compute_device import CPU, ComputeDevice
from actors.core.stages.profiles import ComputeProfile, stretched
from actors.probing.block_probe import measured_blocks
from actors.probing.device_probe import loading, matmul_flops_per_s, stage_overhead
from actors.probing.loop_probe import loop_overhead_s
from actors.probing.operation_timer import OperationTimer
from actors.probing.probe_request import ProbeRequest


def probe(request: ProbeRequest, device: ComputeDevice = CPU) -> ComputeProfile:
    """Must be called in the thread that computes: torch's thread count is set here, and stays."""
    torch.set_num_threads(request.threads)
    deadline = time.perf_counter() + request.budget_s
    matmul = matmul_flops_per_s(OperationTimer(device, request.threads))
    timer = OperationTimer(device, request.threads)
    overhead = stage_overhead(timer)
    load_s, load_per_row_s = loading(request.model.inputs, request.rows[0], timer)
    blocks = measured_blocks(request, overhead, timer, deadline)
    found = ComputeProfile(request.threads, matmul, overhead, blocks, load_s, load_per_row_s)
    return _in_a_loop(stretched(found, timer.stretch), loop_overhead_s(device, request.threads))


def _in_a_loop(profile: ComputeProfile, loop_s: float) -> ComputeProfile:
    forward_s, backward_s = profile.overhead.forward_s, profile.overhead.backward_s
    overhead = replace(
        profile.overhead, forward_s=forward_s + loop_s, backward_s=backward_s + loop_s
    )
    return replace(profile, overhead=overhead)
