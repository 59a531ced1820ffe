from __future__ import annotations

import numpy as np
import pytest

from actors.core.datasets import Dataset, Split
from actors.core.errors import NonFiniteLoss
from actors.core.specs import NetworkSpec, Normalization, SessionSpec
from tests.support.in_process import build_pipeline

NETWORK = NetworkSpec((4, 8, 3))


def samples(count: int) -> Split:
    images = np.arange(count * 4, dtype=np.uint8).reshape(count, 4)
    return Split(images, np.arange(count, dtype=np.int64) % 3)


@pytest.mark.parametrize("cuts", [[0, 2], [0, 1, 2]])
def test_weights_that_burst_in_an_epochs_last_step_fail_the_session(cuts: list[int]) -> None:
    """The step's loss is of before its update; only validation sees what that made."""
    session = SessionSpec(
        generation=1,
        epochs=1,
        learning_rate=1e38,
        batch_size=6,
        val_batch_size=3,
        num_train=6,
        num_val=3,
        normalization=Normalization(0.5, 0.5),
        channel_timeout_s=10.0,
    )
    pipeline = build_pipeline(NETWORK, session, Dataset(samples(6), samples(3)), cuts)
    pipeline.run()
    error = pipeline.errors[len(cuts) - 2]
    assert isinstance(error, NonFiniteLoss)
    assert "validation loss became" in str(error) and "after epoch 1" in str(error)
    assert "learning_rate 1e+38" in str(error)
    assert pipeline.loops[-1].board.epochs.after(0) == ()
