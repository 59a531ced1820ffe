"""Plain PyTorch in one process: the same microbatches, the same optimiser, no pipeline."""

from __future__ import annotations

import time

import torch

from actors.core.model.blocks import build_blocks, num_blocks
from actors.core.stages.batches import Microbatch, epoch_batches
from benchmarks.pipeline.cells import LEARNING_RATE, Cell, Samples, Timing


def train_plain(cell: Cell, samples: Samples, epochs: int, threads: int) -> Timing:
    """Trains from the seed's weights."""
    torch.set_num_threads(threads)
    inputs, targets = samples.tensors()
    model = build_blocks(cell.network, 0, num_blocks(cell.network))
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    timing = Timing([], [])

    def train_step(microbatches: list[Microbatch]) -> float:
        total, rows = 0.0, sum(len(m.samples) for m in microbatches)
        for m in microbatches:
            outputs = model(cell.views.inputs.prepare(inputs[m.samples]))
            loss = cell.loss(outputs, targets[m.samples]) * (len(m.samples) / rows)
            loss.backward()
            total += loss.item()
        optimizer.step()
        optimizer.zero_grad()
        return total

    session = cell.session(epochs, "1f1b")
    for epoch in range(epochs):
        begin = time.perf_counter()
        timing.losses.extend(train_step(batch) for batch in epoch_batches(session, epoch))
        timing.seconds.append((time.perf_counter() - begin) / cell.num_steps)
    return timing
