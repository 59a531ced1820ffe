"""A source's arrays: their types, their checks and their fingerprint."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from actors.core.errors import DatasetUnavailable
from actors.core.rows.row_reader import Array, Inputs, all_rows, is_array, num_bytes
from actors.core.sources.source_facts import Found


@dataclass(frozen=True)
class Split:
    """Samples as they are stored. Inputs are uint8 images ``[n, channels, height, width]``, float32
    rows ``[n, features]`` or tokens ``[n]``. Targets are int64 classes ``[n]`` or float32
    ``[n, …]``, or the inputs themselves, shifted. If the source is read with a limit of bytes,
    ``inputs`` may be a ``RowReader`` instead of an array. ``inputs_at`` and ``targets_at`` tell
    people where they come from; ``places`` tells it for each sample, if each has its own place. If
    samples are rows of the file ``inputs_at``, ``row_numbers`` (int64 ``[n]``, from 1) has them."""

    inputs: Any
    targets: Array
    inputs_at: str
    targets_at: str
    places: tuple[str, ...] = ()
    row_numbers: Array | None = None


@dataclass(frozen=True)
class SamplePlaces:
    """Where the samples of a split are from, for people."""

    at: str
    names: tuple[str, ...] = ()
    row_numbers: Array | None = None

    def of(self, index: int) -> str | None:
        """Of one sample; None where it has no place of its own."""
        if self.names:
            return self.names[index]
        return None if self.row_numbers is None else f"{self.at}, row {self.row_numbers[index]:,}"


@dataclass(frozen=True)
class Skipped:
    """A file of a source that was skipped, and the reason."""

    place: str
    reason: str


@dataclass(frozen=True)
class Samples:
    """Everything that was read. ``fingerprint`` is that of the samples as they are stored, before
    any change of their size. ``files_fingerprint`` is that of the names and sizes of their files,
    if the samples may be too many for the memory."""

    train: Split
    val: Split
    found: Found
    fingerprint: str = ""
    files_fingerprint: str = ""
    skipped: tuple[Skipped, ...] = ()


def token_dtype(num_tokens: int) -> type[np.integer[Any]]:
    """The dtype in which a text is stored that has so many different tokens."""
    return np.uint8 if num_tokens <= 256 else np.int32


def places_of(split: Split) -> SamplePlaces:
    """Without its samples."""
    return SamplePlaces(split.inputs_at, split.places, split.row_numbers)


def in_memory(split: Split) -> Split:
    """A copy whose inputs are an array."""
    return split if is_array(split.inputs) else replace(split, inputs=all_rows(split.inputs))


def with_files_fingerprint(samples: Samples) -> Samples:
    """Call it before the inputs are in memory."""
    if is_array(samples.train.inputs):
        return samples
    return replace(samples, files_fingerprint=fingerprint(samples.train, samples.val))


def input_bytes(samples: Samples) -> int:
    """The bytes of both splits' inputs."""
    return num_bytes(samples.train.inputs) + num_bytes(samples.val.inputs)


def fingerprint(train: Split, val: Split) -> str:
    """A fingerprint that is equal for equal samples in equal order. It differs for any others,
    except in an attack. Rows that are not in memory count by their files' names and sizes.

    Images of one channel have the fingerprint of earlier versions, for the sake of stored jobs.
    """
    digest = hashlib.blake2b(digest_size=16)
    for split in (train, val):
        inputs, targets = split.inputs, split.targets
        digest.update(repr((inputs.shape[0], *_flat(inputs))).encode())
        if inputs.dtype != np.uint8:
            digest.update(inputs.dtype.str.encode())
        digest.update(np.ascontiguousarray(inputs).data if is_array(inputs) else inputs.digest())
        if targets is not inputs:
            digest.update(np.ascontiguousarray(_narrow(targets)).data)
    return digest.hexdigest()


def column_statistics(rows: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each column, computed in float64. If all values of a column
    are the same, its deviation counts as 1."""
    wide = rows.astype(np.float64)
    std = wide.std(axis=0)
    std[std == 0.0] = 1.0
    return tuple(wide.mean(axis=0).tolist()), tuple(std.tolist())


def check_split(split: Split, num_classes: int | None, remedy: str) -> None:
    """Raises ``DatasetUnavailable``, which names the place, the sample, the fault and the
    ``remedy``."""
    if (finding := _finding(split, num_classes)) is not None:
        raise DatasetUnavailable(f"{finding}. {remedy}")


def _finding(split: Split, num_classes: int | None) -> str | None:
    if split.targets is split.inputs:
        return None  # a text: what its windows need, its facts tell
    if split.inputs.shape[0] == 0:
        return f"{split.inputs_at} has no samples"
    for array, place in ((split.inputs, split.inputs_at), (split.targets, split.targets_at)):
        if is_array(array) and array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
            at = tuple(int(i) for i in np.argwhere(~finite)[0])
            return (
                f"{place} has {array[at]} for {_sample(split, at[0])}, column "
                f"{at[1] if at[1:] else 0} (counted from 0), but numbers must be finite"
            )
    if num_classes is None:
        return None
    wrong = np.argwhere((split.targets < 0) | (split.targets >= num_classes))
    if len(wrong):
        at = tuple(int(i) for i in wrong[0])
        return (
            f"{split.targets_at} has label {split.targets[at]} for {_sample(split, at[0])}, but "
            f"there are the classes 0 to {num_classes - 1}"
        )
    return None


def _sample(split: Split, index: int) -> str:
    """Its place in the file, which is another one in a part that was drawn."""
    if split.row_numbers is not None:
        return f"row {split.row_numbers[index]:,} (counted from 1)"
    return f"sample {index} (counted from 0)"


def _flat(inputs: Inputs) -> tuple[int, ...]:
    return () if len(inputs.shape) == 1 else (math.prod(inputs.shape[1:]),)


def _narrow(targets: Array) -> Array:
    """Classes as uint8, if they fit."""
    fits = targets.dtype == np.int64 and bool(((targets >= 0) & (targets < 256)).all())
    return targets.astype(np.uint8) if fits else targets
