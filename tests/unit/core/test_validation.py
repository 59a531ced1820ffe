from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from actors.channels.actor_calls import StreamSender, split
from actors.channels.channel import Receiver, Sender
from actors.core.errors import ChannelTimeout, NonFiniteLoss
from actors.core.feeding.rows import TensorRows
from actors.core.model.model_spec import mlp
from actors.core.recipe.recipe import PLAIN_SGD
from actors.core.sources.samples import Split
from actors.core.stages.specs import SessionSpec, StageSpec
from actors.core.stages.stage import Stage
from actors.loop.stage_io import StageData, StageLinks
from actors.loop.validation import AHEAD, Validation
from tests.support.in_process import build_pipeline
from tests.support.mailbox import Mailbox
from tests.support.sources import samples_of, split_of, views

NETWORK = mlp((4, 8, 3))


def samples(count: int) -> Split:
    images = np.arange(count * 4, dtype=np.uint8).reshape(count, 4)
    return split_of(images, np.arange(count, dtype=np.int64) % 3)


def session_of(num_val: int, **changes: object) -> SessionSpec:
    values: dict[str, object] = {
        "generation": 1,
        "epochs": 2,
        "batch_size": 6,
        "val_batch_size": 1,
        "num_train": 6,
        "num_val": num_val,
        "views": views(0.5, 0.5, (4,)),
        "channel_timeout_s": 10.0,
    }
    return SessionSpec(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("cuts", [[0, 2], [0, 1, 2]])
def test_weights_that_burst_in_an_epochs_last_step_fail_the_session(cuts: list[int]) -> None:
    """The step's loss is of before its update; only validation sees what that made."""
    wild = replace(PLAIN_SGD, learning_rate=1e38)
    session = session_of(3, recipe=wild, epochs=1, val_batch_size=3)
    pipeline = build_pipeline(NETWORK, session, samples_of(samples(6), samples(3)), cuts)
    pipeline.run()
    error = pipeline.errors[len(cuts) - 2]
    assert isinstance(error, NonFiniteLoss)
    assert "validation loss became" in str(error) and "after epoch 1" in str(error)
    assert "learning_rate 1e+38" in str(error)
    assert pipeline.loops[-1].board.epochs.after(0) == ()


@pytest.mark.parametrize("slots", [1, 2, 100])
@pytest.mark.parametrize("num_chunks", [1, 4, 7, 8, 9, 12, 13, 40])
def test_any_number_of_chunks_passes_through_any_room(num_chunks: int, slots: int) -> None:
    session, dataset = session_of(num_chunks), samples_of(samples(6), samples(num_chunks))
    network = mlp((4, 8, 8, 3))
    pipeline = build_pipeline(network, session, dataset, [0, 1, 2, 3], slots)
    pipeline.run()
    assert not pipeline.errors
    (_, last) = pipeline.loops[-1].board.epochs.after(0)
    alone = build_pipeline(network, session, dataset, [0, 3])
    alone.run()
    (_, expected) = alone.loops[0].board.epochs.after(0)
    assert last.metrics == expected.metrics


def test_a_stage_is_never_more_than_two_chunks_ahead() -> None:
    session = session_of(100)
    forward, backward = StreamSender("forward"), Mailbox(1, "backward")
    links = StageLinks(forward_out=Sender(forward, 1, 0.1), backward_in=Receiver(backward, 1, 0.1))
    images = TensorRows(torch.from_numpy(samples(100).inputs))
    stage = Stage(StageSpec.of(NETWORK, 0, 2, 0, 1))
    validation = Validation(stage, session, StageData(val_inputs=images), links, 0)
    with pytest.raises(ChannelTimeout):
        validation.run("epoch 1")
    forward.close()
    (result,) = forward.results()
    assert len(split(result)) == AHEAD
