from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from actors.core.stages.batches import (
    epoch_batches,
    epoch_order,
    split_microbatches,
    validation_chunks,
)
from actors.core.stages.specs import SessionSpec
from tests.support.sources import views


def session(**changes: object) -> SessionSpec:
    values: dict[str, object] = {
        "generation": 1,
        "epochs": 1,
        "batch_size": 7,
        "val_batch_size": 4,
        "num_train": 24,
        "num_val": 10,
        "views": views(0.5, 0.25),
    }
    return SessionSpec(**{**values, **changes})  # type: ignore[arg-type]


@given(st.integers(1, 200), st.integers(1, 40))
def test_microbatches_cover_the_batch_in_nearly_equal_parts(n: int, m: int) -> None:
    parts = split_microbatches(torch.arange(n), m)
    assert len(parts) == min(n, m)
    assert torch.cat([p.samples for p in parts]).tolist() == list(range(n))
    sizes = [len(p.samples) for p in parts]
    assert max(sizes) - min(sizes) <= 1


def test_five_samples_in_four_parts_are_four_parts() -> None:
    assert [len(p.samples) for p in split_microbatches(torch.arange(5), 4)] == [2, 1, 1, 1]


@given(st.integers(0, 5), st.integers(0, 5), st.integers(1, 300))
def test_an_epoch_uses_every_sample_once(seed: int, epoch: int, n: int) -> None:
    order = epoch_order(seed, epoch, n, shuffle=True)
    assert sorted(order.tolist()) == list(range(n))


def test_the_order_depends_on_seed_and_epoch_and_on_nothing_else() -> None:
    torch.manual_seed(1)
    first = epoch_order(3, 1, 100, shuffle=True)
    torch.manual_seed(2)
    assert torch.equal(first, epoch_order(3, 1, 100, shuffle=True))
    assert not torch.equal(first, epoch_order(3, 2, 100, shuffle=True))
    assert not torch.equal(first, epoch_order(4, 1, 100, shuffle=True))


def test_without_shuffle_the_order_is_the_stored_one() -> None:
    assert epoch_order(3, 1, 5, shuffle=False).tolist() == [0, 1, 2, 3, 4]


def test_the_last_batch_may_be_ragged() -> None:
    steps = list(epoch_batches(session(num_microbatches=3), 0))
    assert [sum(len(m.samples) for m in step) for step in steps] == [7, 7, 7, 3]
    assert len(steps) == session().num_steps


def test_a_second_session_shuffles_on_where_the_first_ended() -> None:
    second = next(epoch_batches(session(epochs=2), 1))
    later = next(epoch_batches(session(first_epoch_index=1), 0))
    assert torch.equal(second[0].samples, later[0].samples)


def test_buffers_are_sized_for_the_larger_of_training_and_validation() -> None:
    assert session(num_microbatches=7).max_rows == 4
    assert session(val_batch_size=2).max_rows == 7


def test_validation_keeps_the_stored_order_and_the_ragged_chunk() -> None:
    assert validation_chunks(session()) == [slice(0, 4), slice(4, 8), slice(8, 10)]
