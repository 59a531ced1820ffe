"""numpy's files: ``npz`` has several arrays by name, ``npy`` one array in each file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.fields import Field, flag, text
from actors.core.folders import Folders
from actors.core.input_form import MAX_PIXEL
from actors.core.model.model_spec import TensorSpec
from actors.core.rows.row_reader import Array
from actors.core.sources.images import (
    TRANSFORM,
    channel_statistics,
    image_views,
    transform_field,
)
from actors.core.sources.matching import matched
from actors.core.sources.readers.array_reading import read_array_file, read_member
from actors.core.sources.readers.fields import DEFAULT_SPLIT, path_field, split_fields
from actors.core.sources.readers.splitting import drawn_for_validation
from actors.core.sources.registry import WHERE, SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Split, column_statistics
from actors.core.sources.source_facts import CLASS, Found, SourceFacts
from actors.core.sources.views import SampleView, SampleViews, Scaling

MAX_CLASSES = 100_000
MAX_NAME_CHARS = 200
REMEDY = "Write the arrays again"
PARTS = ("inputs", "target", "val_inputs", "val_target")


@dataclass(frozen=True)
class _Arrays:
    """``read`` returns the array of one of ``PARTS``, and ``place`` tells people where it lies."""

    read: Callable[[str], Array]
    place: Callable[[str], str]


def _npz(spec: SourceSpec, folders: Folders) -> Samples:
    return _samples(spec, _npz_arrays(spec, folders))


def _npz_like(spec: SourceSpec, folders: Folders, known: SourceFacts) -> tuple[Split, ...]:
    return _splits_like(spec, _npz_arrays(spec, folders), known)


def _npz_arrays(spec: SourceSpec, folders: Folders) -> _Arrays:
    (path,) = _npz_files(spec, folders)

    def read(part: str) -> Array:
        return read_member(path, f"{WHERE}.{part}", str(spec.keywords[part]))

    return _Arrays(read, lambda part: f"{path}, {spec.keywords[part]}")


def _npy(spec: SourceSpec, folders: Folders) -> Samples:
    return _samples(spec, _npy_arrays(spec, folders))


def _npy_like(spec: SourceSpec, folders: Folders, known: SourceFacts) -> tuple[Split, ...]:
    return _splits_like(spec, _npy_arrays(spec, folders), known)


def _npy_arrays(spec: SourceSpec, folders: Folders) -> _Arrays:
    paths = _npy_paths(spec, folders)
    return _Arrays(lambda part: read_array_file(paths[part]), lambda part: str(paths[part]))


def _npz_files(spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
    return (folders.find(f"{WHERE}.path", str(spec.keywords["path"])),)


def _npy_files(spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
    return tuple(_npy_paths(spec, folders).values())


def _npy_paths(spec: SourceSpec, folders: Folders) -> dict[str, Path]:
    """The paths of the arrays by name. The field ``path`` has the inputs."""
    own = spec.keywords
    named = {part: "path" if part == "inputs" else part for part in PARTS}
    return {
        part: folders.find(f"{WHERE}.{name}", str(own[name]))
        for part, name in named.items()
        if own[name] is not None
    }


def _samples(spec: SourceSpec, arrays: _Arrays) -> Samples:
    own = spec.keywords
    whole, *val_parts = _given_parts(spec, arrays)
    share = own["validation_split"]
    if val_parts and share is not None:
        raise InvalidRequest(
            f"{WHERE}.validation_split is {share:g}, but val_inputs has the samples for "
            "validation: leave one of them out"
        )
    drawn = None if val_parts else _drawn(whole, share or DEFAULT_SPLIT, own["seed"])
    train, val = drawn or (whole, val_parts[0])
    mean, std = _statistics(train.inputs)
    counts, shape = (len(train.inputs), len(val.inputs)), train.inputs.shape[1:]
    classes = int(whole.targets.max()) + 1 if whole.targets.dtype == np.int64 else None
    return Samples(train, val, Found(*counts, classes, mean, std, shape=shape))


def _splits_like(spec: SourceSpec, arrays: _Arrays, known: SourceFacts) -> tuple[Split, ...]:
    """All samples, for a model that was trained on others. There may be few."""
    parts = _given_parts(spec, arrays)
    return tuple(matched(part, Found(len(part.inputs), 0), known) for part in parts)


def _given_parts(spec: SourceSpec, arrays: _Arrays) -> tuple[Split, ...]:
    """The samples, and those for validation if they have arrays of their own."""
    given = [spec.keywords[part] is not None for part in PARTS[2:]]
    if any(given) != all(given):
        raise InvalidRequest(
            f"{WHERE} has only one of val_inputs and val_target: give both, or neither, and a "
            "share of the samples is drawn for validation"
        )
    train = _part(arrays, "")
    if not all(given):
        return (train,)
    val = _part(arrays, "val_")
    _check_alike(train, val)
    return train, val


def _part(arrays: _Arrays, prefix: str) -> Split:
    """The samples of both arrays whose names begin with ``prefix``."""
    names = [f"{prefix}{name}" for name in PARTS[:2]]
    at = [arrays.place(name) for name in names]
    inputs = _stored(arrays.read(names[0]), at[0])
    targets = _targets(arrays.read(names[1]), at[1])
    if len(inputs) != len(targets):
        raise DatasetUnavailable(
            f"{at[0]} has {len(inputs):,} samples, but {at[1]} {len(targets):,}: write one of each "
            "a sample"
        )
    return Split(inputs, targets, at[0], at[1], row_numbers=np.arange(1, len(inputs) + 1))


def _drawn(whole: Split, share: float, seed: int) -> tuple[Split, Split]:
    count, is_classes = len(whole.targets), whole.targets.dtype == np.int64
    classes = whole.targets if is_classes else np.zeros(count, np.int64)
    mask = drawn_for_validation(count, share, seed, classes)
    assert whole.row_numbers is not None
    train, val = (
        replace(
            whole,
            inputs=whole.inputs[chosen],
            targets=whole.targets[chosen],
            row_numbers=whole.row_numbers[chosen],
        )
        for chosen in (~mask, mask)
    )
    return train, val


def _facts(spec: SourceSpec, found: Found) -> SourceFacts:
    is_numbers = found.num_classes is None
    path = str(spec.keywords["path"])
    if found.num_classes == 1:
        raise InvalidRequest(
            f"{WHERE}.target of {path} has only the class 0: a network is trained to tell classes "
            "apart, so give it samples of another one, or write floats if they are no classes"
        )
    return SourceFacts(
        path,
        _views(spec, found),
        found.num_classes,
        found.num_train,
        found.num_val,
        "regression" if is_numbers else "classification",
    )


def _views(spec: SourceSpec, found: Found) -> SampleViews:
    scaling, transforms = _scaling(spec, found), spec.keywords["transform"]
    targets = SampleView(TensorSpec((1,))) if found.num_classes is None else CLASS
    if not transforms:
        return SampleViews(SampleView(TensorSpec(found.shape), scaling), targets)
    if scaling is None or len(found.shape) != 3 or found.num_classes is None:
        raise InvalidRequest(
            f"{TRANSFORM} is for images with classes that are normalised, but {WHERE}.path has "
            f"samples of the shape {list(found.shape)}: leave it out"
        )
    channels, height, width = found.shape
    return image_views(transforms, (channels, height, width), scaling, found.num_classes)


def _scaling(spec: SourceSpec, found: Found) -> Scaling | None:
    """Only images (three dimensions) and rows (one) can be scaled."""
    if not found.mean or not spec.keywords["normalize"]:
        return None
    return Scaling(found.mean, found.std, float(MAX_PIXEL) if len(found.shape) == 3 else 1.0)


def _statistics(inputs: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Statistics of each channel of images, or of each column of rows; none for anything else."""
    if inputs.dtype == np.uint8:
        return channel_statistics(inputs)
    return column_statistics(inputs) if inputs.ndim == 2 else ((), ())


def _stored(array: Array, place: str) -> Array:
    """uint8 ``[n, channels, height, width]`` for bytes of three or four dimensions; otherwise
    float32 ``[n, …]``."""
    if array.dtype.kind not in "biuf" or array.ndim < 2 or 0 in array.shape[1:]:
        raise DatasetUnavailable(
            f"{place} is an array of {array.dtype} of the shape {list(array.shape)}, but must have "
            "numbers, and a dimension for the samples before those of one: write it again so"
        )
    if array.dtype == np.uint8 and array.ndim in (3, 4):
        return array[:, None] if array.ndim == 3 else array
    return array.astype(np.float32)


def _targets(array: Array, at: str) -> Array:
    """int64 ``[n]`` for whole numbers, which count as classes; otherwise float32 ``[n, 1]``."""
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or flat.dtype.kind not in "biuf" or not len(flat):
        raise DatasetUnavailable(
            f"{at} is an array of {array.dtype} of the shape {list(array.shape)}, but must have "
            "one number a sample: a class from 0 on, or any number as a float"
        )
    if flat.dtype.kind == "f":
        numbers: Array = flat.astype(np.float32)[:, None]
        return numbers
    low, high = int(flat.min()), int(flat.max())
    if low < 0 or high >= MAX_CLASSES:
        raise DatasetUnavailable(
            f"{at} has whole numbers from {low:,} to {high:,}, but classes are 0 to at most "
            f"{MAX_CLASSES - 1:,}: number them so, or write floats if they are no classes"
        )
    classes: Array = flat.astype(np.int64)
    return classes


def _check_alike(train: Split, val: Split) -> None:
    for own, other, at, val_at in (
        (train.inputs, val.inputs, train.inputs_at, val.inputs_at),
        (train.targets, val.targets, train.targets_at, val.targets_at),
    ):
        if (own.shape[1:], own.dtype) != (other.shape[1:], other.dtype):
            raise DatasetUnavailable(
                f"{val_at} has samples of {other.dtype} {list(other.shape[1:])}, but {at} of "
                f"{own.dtype} {list(own.shape[1:])}: write both alike"
            )


def _name_field(default: str | None) -> Field:
    return text(MAX_NAME_CHARS, default)


def _add() -> None:
    common = {"normalize": flag(True), "transform": transform_field(), **split_fields()}
    npz = {
        "path": path_field("an .npz file"),
        "inputs": _name_field("x"),
        "target": _name_field("y"),
        "val_inputs": _name_field(None),
        "val_target": _name_field(None),
    }
    npy = {
        "path": path_field("an .npy file with the inputs"),
        "target": path_field("an .npy file with the targets"),
        "val_inputs": path_field("an .npy file", None),
        "val_target": path_field("an .npy file", None),
    }
    kinds = (
        ("npz", "several arrays of yours in one file of numpy's", _npz, _npz_like, _npz_files, npz),
        ("npy", "arrays of yours, each in a file of numpy's", _npy, _npy_like, _npy_files, npy),
    )
    for name, says, read, like, files, fields in kinds:
        add_source(
            SourceKind(
                name,
                says,
                read,
                _facts,
                files=files,
                fields={**fields, **common},
                view_fields=frozenset({"normalize", "transform"}),
                remedy=REMEDY,
                is_format=True,
                read_like=like,
            )
        )


_add()
