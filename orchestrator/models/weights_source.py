"""``model_config.initial_weights`` -> tensors that fit the model, or what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from actors.core.errors import InvalidRequest, error_text
from actors.core.folders import Folders
from actors.core.model.given_weights import (
    Form,
    NewPart,
    check_finite,
    check_forms,
    drawn_state,
    form_of,
    new_part,
)
from actors.core.model.model_spec import ModelSpec
from actors.core.progress.snapshots import Cursor, StageSnapshot, Tensors, TrainingState
from orchestrator.checkpoints.initial_weights import InitialWeightsStore
from orchestrator.errors import Conflict, NotFound, StorageUnavailable
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_spec import JobSpec

WHERE = "model_config.initial_weights"
INITIAL = "initial"
"""In a checkpoint's place: the weights that the other job began with."""
_HEADER_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_HEADER_DTYPES |= {"I64": "int64", "I32": "int32", "I8": "int8", "U8": "uint8", "BOOL": "bool"}

ReadJob = Callable[[str, "str | None"], Tensors]
"""The weights of a job's checkpoint, or its newest; raises ``NotFound`` or ``Conflict``."""
FindSpec = Callable[[str], JobSpec]
"""A job's; raises ``NotFound``."""


class GivenWeights:
    """Reads weights that were given, and has those kept that jobs begin with."""

    def __init__(
        self, kept: InitialWeightsStore, folders: Folders, read_job: ReadJob, find_spec: FindSpec
    ) -> None:
        self._kept = kept
        self._folders = folders
        self._weights_of_job = read_job
        self._spec_of = find_spec

    @contextmanager
    def kept_for(self, spec: JobSpec, given: Mapping[str, Any] | None) -> Iterator[JobSpec]:
        """The job's, with the name of its weights, which stay at least as long as the block lasts.

        ``given`` has ``file``, or ``job`` and perhaps ``checkpoint``, and perhaps ``new``. Raises
        ``InvalidRequest``, ``StorageUnavailable``.
        """
        if given is None:
            yield spec
            return
        with self._kept.kept(self._read(given, spec.model)) as name:
            yield replace(spec, initial_weights=name)

    def forget_unused(self, book: JobBook) -> None:
        """Deletes what no job begins with; a broken one may begin with any."""
        if book.broken():
            return

        def used() -> set[str]:
            specs = [job.spec for job in book.all()]
            return {spec.initial_weights for spec in specs if spec.initial_weights is not None}

        with suppress(StorageUnavailable):  # the next deletion of a job tries again
            self._kept.keep_only(used)

    def _read(self, given: Mapping[str, Any], model: ModelSpec) -> Tensors:
        """The whole state of the model."""
        new = new_part(model, tuple(given.get("new") or ()), f"{WHERE}.new")
        if given.get("file") is not None:
            path = self._folders.find(f"{WHERE}.file", given["file"])
            where = f"{WHERE}.file {str(path)!r}"
            weights = _read_file(path, model, new, where)
        else:
            where = f"{WHERE}.job {given['job']!r}"
            weights = self._read_job(given["job"], given.get("checkpoint"), where)
        forms = {name: form_of(tensor) for name, tensor in weights.items()}
        check_forms(model, new, forms, where)
        taken = {name: tensor for name, tensor in weights.items() if not new.has(name)}
        check_finite(taken, where)
        return taken | drawn_state(model, new.names)

    def _read_job(self, job_id: str, checkpoint: str | None, where: str) -> Tensors:
        try:
            if checkpoint == INITIAL:
                return self._began_with(job_id)
            return self._weights_of_job(job_id, checkpoint)
        except (NotFound, Conflict) as error:
            raise InvalidRequest(f"{where} gives no weights: {error.message}") from error

    def _began_with(self, job_id: str) -> Tensors:
        name = self._spec_of(job_id).initial_weights
        if name is None:
            raise NotFound(
                f"job {job_id} began with weights that its seed drew: leave initial_weights out, "
                "and give its seed"
            )
        return self._kept.load(name)


def first_state(spec: JobSpec, kept: InitialWeightsStore) -> TrainingState | None:
    """The state with which the job's first session begins; None for weights drawn from the seed.
    Raises ``StorageUnavailable``."""
    if spec.initial_weights is None:
        return None
    weights = kept.load(spec.initial_weights)
    return TrainingState((StageSnapshot(0, spec.num_blocks, Cursor(), weights),))


def _read_file(path: Path, model: ModelSpec, new: NewPart, where: str) -> Tensors:
    """Checks the header before it reads the data that the header describes. The data is read from a
    copy of the file, because somebody may be writing the original."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            names = file.keys()  # it is no mapping
            check_forms(model, new, {name: _form(file, name) for name in names}, where)
        return safetensors.torch.load(path.read_bytes())
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        if isinstance(error, InvalidRequest):
            raise
        raise InvalidRequest(
            f"{where} can't be read as a safetensors file ({error_text(error)[:200]}): write it "
            "with safetensors.torch.save_file(model.state_dict(), path)"
        ) from error


def _form(file: Any, name: str) -> Form:
    view = file.get_slice(name)
    dtype = view.get_dtype()
    return tuple(view.get_shape()), _HEADER_DTYPES.get(dtype, dtype)
