"""Measures how many bytes the stages of a pipeline really take."""

from __future__ import annotations

import pytest

from actors.core.model.model_spec import ModelSpec
from actors.core.sources.samples import Samples
from actors.core.stages.specs import SessionSpec
from actors.loop.stage_loop import StageLoop
from tests.support.in_process import build_pipeline
from tests.support.live_bytes import LiveBytes

RUN = StageLoop.run


def measured_peaks(
    monkeypatch: pytest.MonkeyPatch,
    model: ModelSpec,
    session: SessionSpec,
    data: Samples,
    cuts: tuple[int, ...],
) -> list[int]:
    """By stage, the most bytes of tensors in a session, without messages and copies."""
    tracks: dict[int, LiveBytes] = {}

    def tracked(loop: StageLoop) -> bool:
        with LiveBytes() as tracks[loop._stage.spec.index]:
            return RUN(loop)

    monkeypatch.setattr(StageLoop, "run", tracked)
    pipeline = build_pipeline(model, session, data, list(cuts))
    pipeline.run()
    assert not pipeline.errors
    kept = [sum(p.nbytes for p in stage.layers.parameters()) for stage in pipeline.stages]
    return [tracks[i].peak + parameters for i, parameters in enumerate(kept)]
