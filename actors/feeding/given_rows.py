"""What a process got of a split: an array with its rows, or a reader of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
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
from actors.core.sources.views import SampleView
from actors.core.stages.specs import SessionSpec
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
        max_rows = self.max_rows(view)
        blocks = (block.wanted for block in training_blocks(session, max_rows))
        return BlockRows(session, max_rows, self._feed(blocks, view, until))

    def validation(self, session: SessionSpec, until: ExitStack) -> ValidationRows:
        """The validation rows for one session; reading ends with ``until``. No transform is
        random here."""
        if isinstance(self.found, np.ndarray):
            return TensorRows(torch.from_numpy(self.found))
        view = session.views.inputs.for_validation()
        max_rows = self.max_rows(view)
        blocks = validation_blocks(session, max_rows)
        return BlockChunks(session, max_rows, self._feed(blocks, view, until))

    @property
    def all_rows(self) -> torch.Tensor:
        """The rows as a tensor, for a split that always lies in memory."""
        assert isinstance(self.found, np.ndarray)
        return torch.from_numpy(self.found)

    def max_rows(self, view: SampleView) -> int:
        """How many rows a block has: both as they are stored and as transforms leave them, they
        take no more than a block may."""
        return max(1, self.reading.block_bytes // self._row_bytes(view))

    def handled_bytes(self, view: SampleView, samples: npt.NDArray[np.int64]) -> int:
        """What a task for these samples reads and returns. A photo that is made small takes as long
        as its file is large."""
        files = 0 if isinstance(self.found, np.ndarray) else self.found.file_bytes(samples)
        return files + len(samples) * self._row_bytes(view)

    def _row_bytes(self, view: SampleView) -> int:
        return max(row_bytes(self.found), view.transformed_bytes)

    def _feed(
        self,
        blocks: Iterator[WantedRows],
        view: SampleView,
        until: ExitStack,
    ) -> Callable[[], torch.Tensor]:
        num_bytes, node_id = partial(self.handled_bytes, view), self.reading.node_id
        reader = RayReader(self.reference, num_bytes, node_id, view.transforms)
        feed = Feed(blocks, reader, self.reading.num_ahead)
        until.enter_context(closing(feed))
        return feed.next_rows
