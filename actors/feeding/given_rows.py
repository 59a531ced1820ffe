"""What a process was given of a split: an array with its rows, or what reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from actors.core.feeding.row_blocks import (
    BlockChunks,
    BlockRows,
    training_blocks,
    validation_blocks,
)
from actors.core.feeding.rows import TensorRows, TrainingRows, ValidationRows
from actors.core.sources.row_reader import RowReader, row_bytes
from actors.core.stages.specs import SessionSpec
from actors.feeding.feed import Feed
from actors.feeding.ray_reader import RayReader
from actors.feeding.reading import Reading


@dataclass(frozen=True)
class GivenRows:
    """``reference`` is that to ``found``, in Ray's object store."""

    reference: Any
    found: np.ndarray[Any, Any] | RowReader
    reading: Reading

    def training(self, session: SessionSpec, until: ExitStack) -> TrainingRows:
        """For one session; what reads ends with ``until``."""
        if isinstance(self.found, np.ndarray):
            return TensorRows(torch.from_numpy(self.found))
        blocks = (block.samples for block in training_blocks(session, self._max_rows))
        return BlockRows(session, self._max_rows, self._feed(blocks, "training", until))

    def validation(self, session: SessionSpec, until: ExitStack) -> ValidationRows:
        """Likewise."""
        if isinstance(self.found, np.ndarray):
            return TensorRows(torch.from_numpy(self.found))
        blocks = validation_blocks(session, self._max_rows)
        return BlockChunks(session, self._max_rows, self._feed(blocks, "validation", until))

    @property
    def _max_rows(self) -> int:
        return max(1, self.reading.block_bytes // row_bytes(self.found))

    def _feed(
        self, blocks: Iterator[torch.Tensor], name: str, until: ExitStack
    ) -> Callable[[], torch.Tensor]:
        reader = RayReader(self.reference, row_bytes(self.found), self.reading.node_id)
        feed = Feed(blocks, reader, self.reading.num_ahead, f"feed of {name}")
        until.enter_context(closing(feed))
        return feed.next_rows
