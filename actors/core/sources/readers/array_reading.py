"""Reads one array from numpy's files. It checks what a header claims before it reads what follows,
and never unpickles."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest, TandemError, error_text
from actors.core.rows.row_reader import Array

MAX_BYTES = 2**33


def read_member(path: Path, where: str, name: str) -> Array:
    """The array ``name`` of an npz; ``where`` names the field that asks for it. Raises
    ``InvalidRequest``, ``DatasetUnavailable``."""
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
    except TandemError:
        raise
    except Exception as error:  # of zipfile, and of what decompresses
        raise _damaged(path, error) from error


def read_array_file(path: Path) -> Array:
    """The array of an npy. Raises ``DatasetUnavailable``."""
    try:
        with path.open("rb") as file:
            return _array(file, str(path))
    except OSError as error:
        raise _damaged(path, error) from error


def _array(file: Any, place: str) -> Array:
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, is_fortran, dtype = read_header(file)
        num_bytes = _num_bytes(shape, dtype)
        data = file.read(num_bytes)
        if len(data) != num_bytes:
            raise ValueError(f"it ends after {len(data):,} of {num_bytes:,} bytes")
        return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")
    except Exception as error:  # headers are Python's literals, of any kind
        raise _damaged(place, error) from error


def _num_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Raises ``ValueError`` for what is not read. A negative number would read all there is."""
    if dtype.hasobject:
        raise ValueError("it has objects of Python instead of numbers")
    if any(size < 0 for size in shape):
        raise ValueError(f"its shape is {list(shape)}")
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes > MAX_BYTES:
        raise ValueError(f"{num_bytes:,} bytes, but the limit is {MAX_BYTES:,}")
    return num_bytes


def _damaged(place: object, error: Exception) -> DatasetUnavailable:
    return DatasetUnavailable(
        f"{place} can't be read as numpy's arrays ({error_text(error)}): write it again by "
        "numpy.savez or numpy.save"
    )
