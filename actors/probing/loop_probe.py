"""Measures the time of a stage's loop besides its computing: it walks actions, counts and
reports."""

from __future__ import annotations

from dataclasses import replace

import torch

from actors.core.feeding.rows import TensorRows
from actors.core.model.model_spec import TensorSpec, mlp
from actors.core.recipe.recipe import PLAIN_SGD
from actors.core.sources.source_facts import CLASS
from actors.core.sources.views import SampleView, SampleViews, Scaling
from actors.core.stages.compute_device import ComputeDevice
from actors.core.stages.specs import SessionSpec, StageSpec
from actors.core.stages.stage import Stage
from actors.loop.stage_io import StageData, StageLinks
from actors.loop.stage_loop import StageLoop

TINY = 8
STEPS, MICROBATCHES = 24, 4


def loop_overhead_s(device: ComputeDevice, threads: int) -> float:
    """Seconds for each forward or backward pass; the rest of a step is shared among these.

    It runs a real loop of one stage whose layers are tiny.
    """
    batch = 2 * MICROBATCHES
    session = SessionSpec(
        generation=0,
        epochs=1,
        recipe=replace(PLAIN_SGD, learning_rate=0.0),
        batch_size=batch,
        val_batch_size=1,
        num_train=STEPS * batch,
        num_val=1,
        views=SampleViews(SampleView(TensorSpec((TINY,)), Scaling((0.1,), (0.3,), 255.0)), CLASS),
        num_microbatches=MICROBATCHES,
        threads=threads,
    )
    inputs = TensorRows(torch.zeros(session.num_train, TINY, dtype=torch.uint8))
    targets = TensorRows(torch.zeros(session.num_train, dtype=torch.int64))
    stage = Stage(StageSpec(mlp((TINY, TINY)), 0, 1, 0, 1, ()), device=device)
    loop = StageLoop(stage, session, StageData(inputs, targets, inputs, targets), StageLinks())
    loop.run()
    (epoch,) = loop.board.epochs.all()
    took_s = session.num_train / epoch.samples_per_s  # snapshots before and behind are not in it
    seconds = loop.board.seconds
    computing_s = seconds.load_s + seconds.forward_s + seconds.backward_s + seconds.update_s
    return max(0.0, took_s - computing_s) / (STEPS * 2 * MICROBATCHES)
