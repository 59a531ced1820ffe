"""A pipeline against the plain loop, bit for bit."""

from __future__ import annotations

import torch

from actors.core.model.model_spec import ModelSpec
from actors.core.sources.samples import Samples
from actors.core.stages.specs import SessionSpec
from actors.loop.stage_io import StageData
from tests.support.in_process import Pipeline, build_pipeline
from tests.support.plain_loop import train_plainly


def equals_plain_loop(
    model: ModelSpec,
    session: SessionSpec,
    samples: Samples,
    cuts: list[int],
    data: StageData | None = None,
) -> Pipeline:
    """Trains both; losses, metrics, weights and buffers are the same. The pipeline that has run."""
    plain = train_plainly(model, session, samples)
    pipeline = build_pipeline(model, session, samples, cuts, data=data)
    pipeline.run()
    assert not pipeline.errors
    records = pipeline.loops[-1].board.epochs.after(0)
    assert [r.train_loss for r in records] == plain.train_losses
    assert [r.metrics for r in records] == plain.metrics
    weights = pipeline.weights()
    assert weights.keys() == plain.weights.keys()
    assert all(torch.equal(weights[name], plain.weights[name]) for name in weights)
    return pipeline
