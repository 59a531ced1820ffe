"""torch.distributed.pipelining over gloo: two processes, one stage each, one thread each."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleInterleavedZeroBubble

from actors.core.model.blocks import build_blocks, num_blocks
from actors.core.stages.batches import epoch_batches
from benchmarks.namespaces import enter_namespace
from benchmarks.pipeline.cells import LEARNING_RATE, Cell, Samples, Timing
from benchmarks.pipeline.worker import Worker

NUM_STAGES = 2


@dataclass(frozen=True)
class Place:
    """The place of a process: this host, or a host that is a network namespace."""

    ip: str = "127.0.0.1"
    namespace: str | None = None


HERE = (Place(), Place())
GLOO_TIMEOUT = timedelta(seconds=120)


class TorchPipeline:
    """Both processes, joined by gloo; they stay for every cell and schedule."""

    def __init__(self, port: int, places: tuple[Place, Place] = HERE) -> None:
        self._workers = [Worker() for _ in range(NUM_STAGES)]
        for rank, (worker, place) in enumerate(zip(self._workers, places, strict=True)):
            worker.start(_join, rank, f"{places[0].ip}:{port}", place.namespace)
        for worker in self._workers:
            worker.result()

    def train(self, cell: Cell, samples: Samples, epochs: int, schedule: str) -> Timing:
        """``schedule`` is 1f1b or zb; the times are the last stage's, which has the losses."""
        timing: Timing = self.each(_train, cell, samples, epochs, schedule)[-1]
        return timing

    def each(self, function: Any, *arguments: Any) -> list[Any]:
        """Runs it in both at once; what each returned."""
        for worker in self._workers:
            worker.start(function, *arguments)
        return [worker.result() for worker in self._workers]

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()


def _join(rank: int, address: str, namespace: str | None) -> None:
    if namespace is not None:
        enter_namespace(namespace)
        os.environ["GLOO_SOCKET_IFNAME"] = "eth0"
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"tcp://{address}",
        rank=rank,
        world_size=NUM_STAGES,
        timeout=GLOO_TIMEOUT,
    )


def _train(cell: Cell, samples: Samples, epochs: int, name: str) -> Timing:
    rank = dist.get_rank()
    inputs, targets = samples.tensors()
    start, end = ((0, cell.cut), (cell.cut, num_blocks(cell.network)))[rank]
    model = build_blocks(cell.network, start, end)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    stage = PipelineStage(model, rank, NUM_STAGES, torch.device("cpu"))
    schedule = _schedule(name, stage, cell)
    session, timing = cell.session(epochs, "1f1b"), Timing([], [])

    def train_step(batch: torch.Tensor) -> None:
        losses: list[torch.Tensor] = []
        if rank == 0:
            schedule.step(cell.views.inputs.prepare(inputs[batch]))
        else:
            schedule.step(target=targets[batch], losses=losses)
        optimizer.step()
        optimizer.zero_grad()
        if losses:
            timing.losses.append(sum(loss.item() for loss in losses) / len(losses))

    for epoch in range(epochs):
        dist.barrier()
        begin = time.perf_counter()
        for microbatches in epoch_batches(session, epoch):
            train_step(torch.cat([m.samples for m in microbatches]))
        timing.seconds.append((time.perf_counter() - begin) / cell.num_steps)
    return timing


def _schedule(name: str, stage: PipelineStage, cell: Cell) -> Any:
    if name == "1f1b":
        return Schedule1F1B(stage, cell.num_microbatches, loss_fn=cell.loss)
    return ScheduleInterleavedZeroBubble([stage], cell.num_microbatches, loss_fn=cell.loss)
