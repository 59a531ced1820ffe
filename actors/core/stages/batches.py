"""Chooses the samples of a step, and cuts a batch into microbatches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from actors.core.seeds import ORDER_STREAM, derived_generator
from actors.core.stages.specs import SessionSpec


@dataclass(frozen=True)
class Microbatch:
    """Sample indices (int64, shape ``[n]``) of one microbatch of a batch."""

    index: int
    samples: torch.Tensor


def epoch_order(seed: int, epoch_index: int, num_samples: int, shuffle: bool) -> torch.Tensor:
    """The order (int64, shape ``[num_samples]``) in which an epoch uses the samples."""
    if not shuffle:
        return torch.arange(num_samples)
    generator = derived_generator(seed, ORDER_STREAM, epoch_index)
    return torch.randperm(num_samples, generator=generator)


def split_microbatches(samples: torch.Tensor, num_microbatches: int) -> list[Microbatch]:
    """Split a batch's sample indices in at most ``num_microbatches`` nearly equal parts.

    A batch of n samples gives min(num_microbatches, n) parts.
    """
    parts = torch.tensor_split(samples, min(num_microbatches, len(samples)))
    return [Microbatch(i, part) for i, part in enumerate(parts)]


def epoch_batches(session: SessionSpec, epoch: int) -> Iterator[list[Microbatch]]:
    """The steps of epoch ``epoch`` (from 0 within the session), each as its microbatches."""
    index = session.first_epoch_index + epoch
    order = epoch_order(session.seed, index, session.num_train, session.shuffle)
    batches = torch.split(order, session.batch_size)
    for samples in batches[: session.length.of_epoch(epoch)]:
        yield split_microbatches(samples, session.num_microbatches)


def validation_chunks(session: SessionSpec) -> list[slice]:
    """The validation samples, in their stored order, ``val_batch_size`` at a time."""
    step = session.val_batch_size
    stops = range(0, session.num_val, step)
    return [slice(start, min(start + step, session.num_val)) for start in stops]
