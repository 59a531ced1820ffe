"""What a process got of a split: an array with its rows, or a reader of them."""

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
    WantedRows,
    training_blocks,
    validation_blocks,
)
from actors.core.feeding.rows import TensorRows, TrainingRows, ValidationRows
from actors.core.rows.row_reader import RowReader, row_bytes
from actors.core.sources.transforms.registry import is_random
from actors.core.stages.specs import SessionSpec
from actors.core.transform_spec import TransformSpec
from actors.feeding.feed import Feed
from actors.feeding.ray_reader import RayReader
from actors.feeding.reading import Reading


@dataclass(frozen=True)
class GivenRows:
    """``reference`` points to ``found`` in Ray's object store."""

    reference: Any
    found: np.ndarray[Any, Any] | RowReader
    reading: Reading

    def training(self, session: SessionSpec, until: ExitStack) -> TrainingRows:
        """The training rows for one session; reading ends with ``until``. Random transforms are
        made where rows are read, so that the stage does not wait for them."""
        view = session.views.inputs
        if isinstance(self.found, np.ndarray) and not is_random(view.transforms):
            return TensorRows(torch.from_numpy(self.found))
        blocks = (block.wanted for block in training_blocks(session, self._max_rows))
        return BlockRows(session, self._max_rows, self._feed(blocks, view.transforms, until))

    def validation(self, session: SessionSpec, until: ExitStack) -> ValidationRows:
        """The validation rows for one session; reading ends with ``until``. No transform is
        random here."""
        if isinstance(self.found, np.ndarray):
            return TensorRows(torch.from_numpy(self.found))
        blocks, view = validation_blocks(session, self._max_rows), session.views.inputs
        transforms = view.for_validation().transforms
        return BlockChunks(session, self._max_rows, self._feed(blocks, transforms, until))

    @property
    def all_rows(self) -> torch.Tensor:
        """The rows as a tensor, for a split that always lies in memory."""
        assert isinstance(self.found, np.ndarray)
        return torch.from_numpy(self.found)

    @property
    def _max_rows(self) -> int:
        return max(1, self.reading.block_bytes // row_bytes(self.found))

    def _feed(
        self,
        blocks: Iterator[WantedRows],
        transforms: tuple[TransformSpec, ...],
        until: ExitStack,
    ) -> Callable[[], torch.Tensor]:
        reader = RayReader(self.reference, row_bytes(self.found), self.reading.node_id, transforms)
        feed = Feed(blocks, reader, self.reading.num_ahead)
        until.enter_context(closing(feed))
        return feed.next_rows
