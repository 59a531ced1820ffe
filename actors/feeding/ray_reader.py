"""Reads rows by Ray tasks, on a node that has the files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.errors import StageFailure, TandemError
from actors.core.feeding.row_blocks import WantedRows
from actors.core.patience import patience_s
from actors.core.transform_spec import TransformSpec
from actors.feeding.reading_task import read_rows

MAX_RETRIES = 2
"""How often a block is read again after its process was killed."""

Samples = npt.NDArray[np.int64]


class RayReader:
    """Starts one task for each block. ``rows`` is a reference to a ``RowReader`` or an array, and
    ``num_bytes`` says how many bytes a task handles for some samples. The blocks belong to this
    process, and are freed when it ends."""

    def __init__(
        self,
        rows: Any,
        num_bytes: Callable[[Samples], int],
        node_id: str,
        transforms: tuple[TransformSpec, ...],
    ) -> None:
        self._rows = rows
        self._num_bytes = num_bytes
        self._transforms = transforms
        task: Any = ray.remote(read_rows)
        self._task = task.options(
            num_cpus=0,
            max_retries=MAX_RETRIES,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False),
        )

    def start(self, wanted: WantedRows) -> tuple[Any, float]:
        """Submits the task."""
        samples = wanted.samples.numpy()
        task = self._task.remote(self._rows, samples, self._transforms, wanted.draws)
        return task, patience_s(self._num_bytes(samples))

    def take(self, started: tuple[Any, float]) -> torch.Tensor:
        """Waits for the rows. Raises the error of reading the files, or ``StageFailure``."""
        reference, timeout_s = started
        try:
            array: npt.NDArray[np.generic] = ray.get(reference, timeout=timeout_s)
        except ray.exceptions.GetTimeoutError as error:
            raise StageFailure(
                f"The next rows of the data were not read within {timeout_s:.0f} s: is the disk of "
                "the gateway's host slow, or the host overloaded?"
            ) from error
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, TandemError):
                raise error.cause from error
            raise
        return torch.from_numpy(array)
