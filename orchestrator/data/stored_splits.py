"""Splits of a data set in the object store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from actors.core.rows.row_reader import is_array
from actors.core.sources.samples import Split, places_of
from actors.feeding.reading import Reading
from orchestrator.data.data_identity import DataIdentity


@dataclass(frozen=True)
class StoredSplit:
    """References to inputs, targets and ``SamplePlaces``. Inputs that take more than the memory for
    data allows are what reads their rows. Where targets lie in the inputs' array, their reference
    is that of the inputs."""

    inputs: Any
    targets: Any
    places: Any


@dataclass(frozen=True)
class StoredSplits:
    """Samples to evaluate a model with; what does not lie in memory is read by ``reading``."""

    splits: tuple[StoredSplit, ...]
    reading: Reading


@dataclass(frozen=True)
class StoredDataset:
    """References into the object store, as in ``StoredSplit``, to all samples of a job; what does
    not lie in memory is read by ``reading``. The numbers are those of samples."""

    train_inputs: Any
    train_targets: Any
    val_inputs: Any
    val_targets: Any
    num_train: int
    num_val: int
    reading: Reading
    fingerprint: str = ""
    files_fingerprint: str = ""
    train_places: Any = None
    val_places: Any = None

    @property
    def train(self) -> StoredSplit:
        """The samples to train with."""
        return StoredSplit(self.train_inputs, self.train_targets, self.train_places)

    @property
    def val(self) -> StoredSplit:
        """Those to validate with."""
        return StoredSplit(self.val_inputs, self.val_targets, self.val_places)

    @property
    def identity(self) -> DataIdentity:
        """By which a job knows its data again."""
        return DataIdentity(self.num_train, self.num_val, self.fingerprint, self.files_fingerprint)


def arrays_of(split: Split) -> tuple[Any, ...]:
    """What goes into the object store of it, in the order of ``StoredSplit``; targets are None that
    lie in the inputs' array."""
    has_targets = split.targets is not split.inputs
    targets = np.ascontiguousarray(split.targets) if has_targets else None
    inputs = np.ascontiguousarray(split.inputs) if is_array(split.inputs) else split.inputs
    return inputs, targets, places_of(split)


def stored_splits(arrays: list[Any], has_targets: list[bool]) -> tuple[StoredSplit, ...]:
    """Of references to what ``arrays_of`` gave, one split after the other."""
    groups = [arrays[first : first + 3] for first in range(0, 3 * len(has_targets), 3)]
    return tuple(
        StoredSplit(inputs, targets if has_own else inputs, places)
        for (inputs, targets, places), has_own in zip(groups, has_targets, strict=True)
    )
