"""numpy's files: ``npz`` has several arrays by name, ``npy`` one array in each file."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest, error_text
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
from actors.core.sources.readers.fields import DEFAULT_SPLIT, path_field, split_fields
from actors.core.sources.readers.splitting import drawn_for_validation
from actors.core.sources.registry import WHERE, SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Split, column_statistics
from actors.core.sources.source_facts import CLASS, Found, SourceFacts
from actors.core.sources.views import SampleView, SampleViews, Scaling

MAX_BYTES = 2**33
MAX_CLASSES = 100_000
MAX_NAME_CHARS = 200
REMEDY = "Write the arrays again"
PARTS = ("inputs", "target", "val_inputs", "val_target")
ReadArray = Callable[[str], Array]
"""The name of an array, for each of ``PARTS``."""


def _npz(spec: SourceSpec, folders: Folders) -> Samples:
    (path,) = _npz_files(spec, folders)

    def read(part: str) -> Array:
        return _member(path, f"{WHERE}.{part}", str(spec.keywords[part]))

    return _samples(spec, read, lambda part: f"{path}, {spec.keywords[part]}")


def _npy(spec: SourceSpec, folders: Folders) -> Samples:
    paths = _npy_paths(spec, folders)
    return _samples(spec, lambda part: _file(paths[part]), lambda part: str(paths[part]))


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


def _samples(spec: SourceSpec, read: ReadArray, place: Callable[[str], str]) -> Samples:
    own = spec.keywords
    inputs, targets = _stored(read("inputs"), place("inputs")), _targets(read("target"), place)
    _check_same_length(inputs, targets, place, "")
    given = [own[part] is not None for part in PARTS[2:]]
    if any(given) != all(given):
        raise InvalidRequest(
            f"{WHERE} has only one of val_inputs and val_target: give both, or neither, and a "
            "share of the samples is drawn for validation"
        )
    if all(given):
        val = _stored(read("val_inputs"), place("val_inputs")), _targets(read("val_target"), place)
        _check_same_length(*val, place, "val_")
        _check_alike(inputs, val[0], place)
    else:
        share = own["validation_split"] or DEFAULT_SPLIT
        is_classes = targets.dtype == np.int64
        classes = targets if is_classes else np.zeros(len(targets), np.int64)
        mask = drawn_for_validation(len(inputs), share, own["seed"], classes)
        val = inputs[mask], targets[mask]
        inputs, targets = inputs[~mask], targets[~mask]
    at = place("inputs"), place("target")
    num_classes = int(targets.max()) + 1 if targets.dtype == np.int64 else None
    mean, std = _statistics(inputs)
    found = Found(len(inputs), len(val[0]), num_classes, mean, std, shape=inputs.shape[1:])
    return Samples(Split(inputs, targets, *at), Split(*val, *at), found)


def _facts(spec: SourceSpec, found: Found) -> SourceFacts:
    is_numbers = found.num_classes is None
    path = str(spec.keywords["path"])
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
    if array.dtype.kind not in "biuf" or array.ndim < 2:
        raise DatasetUnavailable(
            f"{place} is an array of {array.dtype} of the shape {list(array.shape)}, but must have "
            "numbers, and a dimension for the samples before those of one: write it again so"
        )
    if array.dtype == np.uint8 and array.ndim in (3, 4):
        return array[:, None] if array.ndim == 3 else array
    return array.astype(np.float32)


def _targets(array: Array, place: Callable[[str], str]) -> Array:
    """int64 ``[n]`` for whole numbers, which count as classes; otherwise float32 ``[n, 1]``."""
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    at = place("target")
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


def _check_same_length(
    inputs: Array, targets: Array, place: Callable[[str], str], prefix: str
) -> None:
    if len(inputs) != len(targets):
        raise DatasetUnavailable(
            f"{place(prefix + 'inputs')} has {len(inputs):,} samples, but "
            f"{place(prefix + 'target')} {len(targets):,}: write one of each a sample"
        )


def _check_alike(inputs: Array, val: Array, place: Callable[[str], str]) -> None:
    if (inputs.shape[1:], inputs.dtype) != (val.shape[1:], val.dtype):
        raise DatasetUnavailable(
            f"{place('val_inputs')} has samples of {val.dtype} {list(val.shape[1:])}, but "
            f"{place('inputs')} of {inputs.dtype} {list(inputs.shape[1:])}: write both alike"
        )


def _member(path: Path, where: str, name: str) -> Array:
    """Reads one array of an archive. Checks its header before unpacking."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [own.removesuffix(".npy") for own in archive.namelist()]
            if name not in names:
                raise InvalidRequest(
                    f"{where} is {name!r}, but {path} has the arrays {', '.join(names[:20])}: take "
                    "one of them"
                )
            with archive.open(name + ".npy") as file:
                return _array(file, f"{path}, {name}")
    except (zipfile.BadZipFile, OSError, KeyError, EOFError, NotImplementedError) as error:
        raise _damaged(path, error) from error


def _file(path: Path) -> Array:
    try:
        with path.open("rb") as file:
            return _array(file, str(path))
    except OSError as error:
        raise _damaged(path, error) from error


def _array(file: Any, place: str) -> Array:
    """Reads an array, and refuses pickled objects."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, is_fortran, dtype = read_header(file)
        num_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.hasobject:
            raise ValueError("it has objects of Python instead of numbers")
        if num_bytes > MAX_BYTES:
            raise ValueError(f"{num_bytes:,} bytes, but the limit is {MAX_BYTES:,}")
        data = file.read(num_bytes)
        if len(data) != num_bytes:
            raise ValueError(f"it ends after {len(data):,} of {num_bytes:,} bytes")
        flat = np.frombuffer(data, dtype)
        return flat.reshape(shape, order="F" if is_fortran else "C")
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(place, error) from error


def _damaged(place: object, error: Exception) -> DatasetUnavailable:
    return DatasetUnavailable(
        f"{place} can't be read as numpy's arrays ({error_text(error)}): write it again by "
        "numpy.savez or numpy.save"
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
        ("npz", "several arrays of yours in one file of numpy's", _npz, _npz_files, npz),
        ("npy", "arrays of yours, each in a file of numpy's", _npy, _npy_files, npy),
    )
    for name, says, read, files, fields in kinds:
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
            )
        )


_add()
