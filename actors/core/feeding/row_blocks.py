"""The blocks of rows that a session will need, in order. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from actors.core.sources.stored_rows import RowsOf
from actors.core.stages.batches import epoch_order
from actors.core.stages.specs import SessionSpec
from actors.core.transform_spec import Draws

NOTHING = torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True)
class WantedRows:
    """The rows of ``samples`` (int64 ``[n]``, each once), transformed with these ``draws`` if a
    transform is random."""

    samples: torch.Tensor
    draws: Draws | None = None


@dataclass(frozen=True)
class TrainingBlock:
    """Everything that steps ``[first_step, end_step)`` of an epoch need."""

    epoch: int
    first_step: int
    end_step: int
    wanted: WantedRows

    def has(self, epoch: int, step: int) -> bool:
        return epoch == self.epoch and self.first_step <= step < self.end_step


def training_blocks(session: SessionSpec, max_rows: int) -> Iterator[TrainingBlock]:
    """The blocks from where the session starts to its end. Each holds whole batches: as many as
    ``max_rows`` allow, but at least one, with the partners that their samples are mixed with."""
    mixing = session.views.inputs.mixing
    batch_rows = session.batch_size * (1 if mixing is None else 2)
    steps = max(1, max_rows // batch_rows)
    for epoch in range(session.start.epoch, session.epochs):
        index = session.first_epoch_index + epoch
        draws = Draws(session.seed, index)
        order = epoch_order(session.seed, index, session.num_train, session.shuffle)
        begin = session.start.step if epoch == session.start.epoch else 0
        length = session.length.of_epoch(epoch)
        for first in range(begin, length, steps):
            end = min(first + steps, length)
            samples = order[first * session.batch_size : end * session.batch_size]
            if mixing is not None:
                partners = session.views.inputs.partners(draws, samples, session.num_train)
                samples = torch.unique(torch.cat([samples, partners]))
            yield TrainingBlock(epoch, first, end, WantedRows(samples, draws))


def validation_blocks(session: SessionSpec, max_rows: int) -> Iterator[WantedRows]:
    """Blocks of whole chunks, for one validation after the other without an end."""
    rows = max(1, max_rows // session.val_batch_size) * session.val_batch_size
    blocks = torch.split(torch.arange(session.num_val), rows)
    return itertools.cycle([WantedRows(samples) for samples in blocks])


class BlockRows:
    """``TrainingRows`` made of blocks; ``next_rows`` returns the rows of the next block."""

    def __init__(
        self, session: SessionSpec, max_rows: int, next_rows: Callable[[], torch.Tensor]
    ) -> None:
        self._blocks = training_blocks(session, max_rows)
        self._num_rows = session.num_train
        self._next_rows = next_rows
        self._block = TrainingBlock(-1, 0, 0, WantedRows(NOTHING))
        self._rows: RowsOf | None = None

    def at(self, epoch: int, step: int) -> RowsOf:
        """The caller must ask for steps in their order."""
        if self._rows is None or not self._block.has(epoch, step):
            self._rows = None  # before the next ones come
            self._block = next(self._blocks)
            assert self._block.has(epoch, step), "steps come in the order of their blocks"
            self._rows = RowsOf(self._num_rows, self._block.wanted.samples, self._next_rows())
        return self._rows


class BlockChunks:
    """``ValidationRows`` made of blocks, in the same way."""

    def __init__(
        self, session: SessionSpec, max_rows: int, next_rows: Callable[[], torch.Tensor]
    ) -> None:
        self._blocks = validation_blocks(session, max_rows)
        self._num_rows = session.num_val
        self._next_rows = next_rows
        self._samples = NOTHING
        self._rows: RowsOf | None = None

    def of_chunk(self, chunk: slice) -> RowsOf:
        """The caller must ask for chunks in their order; the first one follows the last."""
        if self._rows is None or not self._samples[0] <= chunk.start <= self._samples[-1]:
            self._rows = None
            self._samples = next(self._blocks).samples
            self._rows = RowsOf(self._num_rows, self._samples, self._next_rows())
        return self._rows
