"""Rows of an array that come in blocks, as those of files do."""

from __future__ import annotations

from contextlib import ExitStack, closing

import torch

from actors.core.feeding.row_blocks import (
    BlockChunks,
    BlockRows,
    WantedRows,
    training_blocks,
    validation_blocks,
)
from actors.core.feeding.rows import TensorRows
from actors.core.rows.row_reader import Array
from actors.core.sources.samples import Samples
from actors.core.stages.specs import SessionSpec
from actors.core.transform_spec import TransformSpec
from actors.feeding.feed import Feed
from actors.feeding.reading_task import read_rows
from actors.loop.stage_io import StageData


class ArrayReader:
    """Reads from an array, as tasks do from files."""

    def __init__(self, array: Array, transforms: tuple[TransformSpec, ...]) -> None:
        self._array = array
        self._transforms = transforms

    def start(self, wanted: WantedRows) -> WantedRows:
        return wanted

    def take(self, started: WantedRows) -> torch.Tensor:
        samples = started.samples.numpy()
        rows = read_rows(self._array, samples, self._transforms, started.draws)
        return torch.from_numpy(rows)


def in_blocks(samples: Samples, session: SessionSpec, max_rows: int, until: ExitStack) -> StageData:
    view = session.views.inputs
    blocks = (block.wanted for block in training_blocks(session, max_rows))
    training = Feed(blocks, ArrayReader(samples.train.inputs, view.transforms), 2)
    chunks, told = validation_blocks(session, max_rows), view.for_validation().transforms
    validation = Feed(chunks, ArrayReader(samples.val.inputs, told), 2)
    for feed in (training, validation):
        until.enter_context(closing(feed))
    return StageData(
        BlockRows(session, max_rows, training.next_rows),
        TensorRows(torch.from_numpy(samples.train.targets)),
        BlockChunks(session, max_rows, validation.next_rows),
        TensorRows(torch.from_numpy(samples.val.targets)),
    )
