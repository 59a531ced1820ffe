"""Blocks of rows have, in their order, what a session asks an array for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from actors.core.feeding.row_blocks import (
    BlockChunks,
    BlockRows,
    WantedRows,
    training_blocks,
    validation_blocks,
)
from actors.core.progress.snapshots import Cursor
from actors.core.sources.stored_rows import RowsOf
from actors.core.sources.transforms.mixing import Mixing
from actors.core.sources.views import SampleViews
from actors.core.stages.batches import epoch_batches, validation_chunks
from actors.core.stages.specs import SessionSpec
from actors.core.transform_spec import Draws
from tests.support.sources import views

ROWS = torch.arange(1000, 1103)
SESSION = SessionSpec(
    generation=1,
    epochs=3,
    batch_size=10,
    val_batch_size=7,
    num_train=103,
    num_val=50,
    views=views(),
    num_microbatches=4,
    seed=5,
)
SESSIONS = {
    "shuffled": SESSION,
    "in order": replace(SESSION, shuffle=False),
    "a later session": replace(SESSION, first_epoch_index=4),
    "one that goes on": replace(SESSION, start=Cursor(1, 4)),
    "one that goes on before a validation": replace(SESSION, start=Cursor(1, 11)),
    "one that ends amid an epoch": replace(SESSION, max_steps=27),
    "one batch an epoch": replace(SESSION, batch_size=200),
}
MAX_ROWS = [1, 10, 25, 40, 10**6]


def rows_of(blocks: Iterator[WantedRows]) -> Iterator[torch.Tensor]:
    return (ROWS[wanted.samples] for wanted in blocks)


@pytest.mark.parametrize("max_rows", MAX_ROWS)
@pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS)
def test_every_microbatch_has_its_rows(session: SessionSpec, max_rows: int) -> None:
    fed = rows_of(block.wanted for block in training_blocks(session, max_rows))
    rows = BlockRows(session, max_rows, lambda: next(fed))
    asked = 0
    for epoch in range(session.start.epoch, session.epochs):
        first = session.start.step if epoch == session.start.epoch else 0
        for step, batch in enumerate(epoch_batches(session, epoch)):
            for microbatch in batch if step >= first else []:
                found = rows.at(epoch, step).index_select(0, microbatch.samples)
                assert torch.equal(found, ROWS[microbatch.samples]), (epoch, step)
                asked += 1
    assert asked > 10
    assert next(fed, None) is None, "a block was read that nobody asked for"


@pytest.mark.parametrize("max_rows", MAX_ROWS)
def test_every_validation_has_all_chunks(max_rows: int) -> None:
    fed = rows_of(validation_blocks(SESSION, max_rows))
    rows = BlockChunks(SESSION, max_rows, lambda: next(fed))
    for _ in range(3):
        found = [rows.of_chunk(chunk)[chunk] for chunk in validation_chunks(SESSION)]
        assert torch.equal(torch.cat(found), ROWS[:50])


def test_a_block_is_no_larger_than_allowed_but_for_a_batch_that_is() -> None:
    sizes = [len(block.wanted.samples) for block in training_blocks(SESSION, 25)]
    assert max(sizes) == 20
    assert max(len(block.wanted.samples) for block in training_blocks(SESSION, 3)) == 10
    assert len(next(validation_blocks(SESSION, 25)).samples) == 21


MIXED = replace(
    SESSION,
    views=SampleViews(
        replace(views().inputs, mixing=Mixing("MixUp", 1.0, 8, 8, 10)), views().targets
    ),
)


def test_what_a_batch_is_mixed_with_comes_with_it() -> None:
    session = MIXED
    fed = rows_of(block.wanted for block in training_blocks(session, 40))
    rows = BlockRows(session, 40, lambda: next(fed))
    for step, batch in enumerate(epoch_batches(session, 0)):
        for microbatch in batch:
            own = microbatch.samples
            partners = session.views.inputs.partners(Draws(session.seed, 0), own, 103)
            assert set(partners.tolist()) - set(own.tolist())
            found = rows.at(0, step).index_select(0, partners)
            assert torch.equal(found, ROWS[partners])


def test_rows_that_are_not_there_are_an_error() -> None:
    part = RowsOf(10, torch.tensor([7, 2]), torch.tensor([70, 20]))
    assert len(part) == 10
    assert part.index_select(0, torch.tensor([2, 7, 7])).tolist() == [20, 70, 70]
    assert part[2:3].tolist() == [20]
    for missing in ([3], [9], [2, 0]):
        with pytest.raises(AssertionError):
            part.index_select(0, torch.tensor(missing))
