"""Rows of an array that come in blocks, as those of files do."""

from __future__ import annotations

from contextlib import ExitStack, closing

import torch

from actors.core.feeding.row_blocks import (
    BlockChunks,
    BlockRows,
    training_blocks,
    validation_blocks,
)
from actors.core.feeding.rows import TensorRows
from actors.core.sources.row_reader import Array
from actors.core.sources.samples import Samples
from actors.core.stages.specs import SessionSpec
from actors.feeding.feed import Feed
from actors.loop.stage_io import StageData


class ArrayReader:
    """Reads from an array, as tasks do from files."""

    def __init__(self, array: Array) -> None:
        self._array = array

    def start(self, samples: torch.Tensor) -> torch.Tensor:
        return samples

    def take(self, started: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self._array[started.numpy()])


def in_blocks(samples: Samples, session: SessionSpec, max_rows: int, until: ExitStack) -> StageData:
    blocks = (block.samples for block in training_blocks(session, max_rows))
    training = Feed(blocks, ArrayReader(samples.train.inputs), 2, "training")
    chunks = validation_blocks(session, max_rows)
    validation = Feed(chunks, ArrayReader(samples.val.inputs), 2, "validation")
    for feed in (training, validation):
        until.enter_context(closing(feed))
    return StageData(
        BlockRows(session, max_rows, training.next_rows),
        TensorRows(torch.from_numpy(samples.train.targets)),
        BlockChunks(session, max_rows, validation.next_rows),
        TensorRows(torch.from_numpy(samples.val.targets)),
    )
