"""Splits of a data set in the object store."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from actors.core.folders import Folders
from actors.core.rows.row_reader import is_array
from actors.core.sources.registry import SourceSpec, read_like
from actors.core.sources.samples import Split, places_of
from actors.core.sources.source_facts import SourceFacts
from actors.feeding.reading import Reading

MAX_SPLITS = 2


@dataclass(frozen=True)
class StoredSplit:
    """References to inputs, targets and ``SamplePlaces``. Where targets lie in the inputs' array,
    their reference is that of the inputs."""

    inputs: Any
    targets: Any
    places: Any


@dataclass(frozen=True)
class StoredSplits:
    """Samples to evaluate a model with; what does not lie in memory is read by ``reading``."""

    splits: tuple[StoredSplit, ...]
    reading: Reading


def arrays_of(split: Split) -> tuple[Any, ...]:
    """What goes into the object store of it, in the order of ``StoredSplit``; targets are None that
    lie in the inputs' array."""
    has_targets = split.targets is not split.inputs
    targets = np.ascontiguousarray(split.targets) if has_targets else None
    inputs = np.ascontiguousarray(split.inputs) if is_array(split.inputs) else split.inputs
    return inputs, targets, places_of(split)


def load_like(
    key: SourceSpec, folders: Folders, known: SourceFacts, max_bytes: int
) -> tuple[Any, ...]:
    """A task: the arrays of ``MAX_SPLITS`` splits, and for each that there is whether it has
    targets of its own."""
    found = read_like(key, folders, known, max_bytes)
    arrays = [arrays_of(split) for split in found]
    missing = [(None, None, None)] * (MAX_SPLITS - len(found))
    has_targets = [targets is not None for _, targets, _ in arrays]
    return (*itertools.chain(*arrays, *missing), has_targets)


def stored_splits(arrays: list[Any], has_targets: list[bool]) -> tuple[StoredSplit, ...]:
    """Of the references to what ``load_like`` gave."""
    groups = [arrays[first : first + 3] for first in range(0, 3 * len(has_targets), 3)]
    return tuple(
        StoredSplit(inputs, targets if has_own else inputs, places)
        for (inputs, targets, places), has_own in zip(groups, has_targets, strict=True)
    )
