"""The function of a task that reads rows. It imports PyTorch only to transform them, because
without it a process starts sooner and is smaller."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from actors.core.rows.row_reader import Array, RowReader
from actors.core.transform_spec import Draws, TransformSpec


def read_rows(
    rows: RowReader | Array,
    samples: npt.NDArray[np.int64],
    transforms: tuple[TransformSpec, ...],
    draws: Draws | None,
) -> Array:
    """Returns the rows with these indices, in this order, after the transforms."""
    found: Array = rows[samples] if isinstance(rows, np.ndarray) else rows.rows(samples)
    if transforms:
        found = _transformed(found, samples, transforms, draws)
    array: Array = np.ascontiguousarray(found)
    return array


def _transformed(
    images: Array,
    samples: npt.NDArray[np.int64],
    transforms: tuple[TransformSpec, ...],
    draws: Draws | None,
) -> Array:
    import torch

    from actors.core.sources.transforms.registry import apply_transforms

    told = apply_transforms(transforms, torch.from_numpy(images), torch.from_numpy(samples), draws)
    array: Array = told.numpy()
    return array
