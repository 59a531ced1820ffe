"""Training states, a storage that is killed at its n-th operation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from actors.core.progress.snapshots import Cursor, StageSnapshot, TrainingState
from orchestrator.checkpoints.checkpoint_store import CheckpointStore
from orchestrator.checkpoints.lineage import Lineage
from orchestrator.checkpoints.manifest import FORMAT_VERSION, CheckpointAbout
from orchestrator.checkpoints.storage import PARTIAL_SUFFIX, LocalStorage, Storage

JOB, SESSION = "7-d1ce", "session-2-d1ce"
FOLDER = f"jobs/{JOB}/{SESSION}"
ABOUT = CheckpointAbout(
    job_id="7",
    identity=JOB,
    run=1,
    session=2,
    session_folder=SESSION,
    seed=11,
    model={"layer_sizes": [5, 4, 3, 2]},
    first_epoch_index=3,
    total_steps=0,
    options={"epochs": 4, "learning_rate": 0.1, "threads": None},
    epoch=None,
    metrics={"loss": None, "accuracy": None},
    finished=False,
)
OURS = Lineage("7", JOB, ABOUT.seed, ABOUT.model, ((2, SESSION),))
Ranges = Sequence[tuple[int, int]]
TWO_STAGES: Ranges = ((0, 2), (2, 3))


def about(total_steps: int, **other: Any) -> CheckpointAbout:
    return replace(ABOUT, total_steps=total_steps, **other)


def state(total_steps: int, ranges: Ranges = TWO_STAGES) -> TrainingState:
    """Another one for each number of steps, the same however it is split."""
    generator = torch.Generator().manual_seed(total_steps)
    sizes = ABOUT.model["layer_sizes"]
    weights, momentum = {}, {}
    for layer in range(len(sizes) - 1):
        num_inputs, num_outputs = sizes[layer], sizes[layer + 1]
        for part, shape in (("weight", (num_outputs, num_inputs)), ("bias", (num_outputs,))):
            name = f"{2 * layer}.{part}"
            weights[name] = torch.randn(shape, generator=generator)
            momentum[name] = torch.randn(shape, generator=generator)
    return TrainingState(
        tuple(
            StageSnapshot(
                start=start,
                end=end,
                cursor=Cursor(1, total_steps, 64 * total_steps, 0.1 * (end == len(sizes) - 1)),
                weights=_of_layers(weights, start, end),
                optimizer={f"momentum.{n}": t for n, t in _of_layers(momentum, start, end).items()},
            )
            for start, end in ranges
        )
    )


def _of_layers(tensors: dict[str, torch.Tensor], start: int, end: int) -> dict[str, torch.Tensor]:
    return {n: t for n, t in tensors.items() if start <= int(n.partition(".")[0]) // 2 < end}


def assert_same(found: TrainingState, expected: TrainingState) -> None:
    """Stage by stage, tensor by tensor, bit by bit."""
    assert [(s.start, s.end, s.cursor) for s in found.stages] == [
        (s.start, s.end, s.cursor) for s in expected.stages
    ]
    for one, other in zip(found.stages, expected.stages, strict=True):
        for tensors, wanted in ((one.weights, other.weights), (one.optimizer, other.optimizer)):
            assert tensors.keys() == wanted.keys()
            for name, tensor in tensors.items():
                assert tensor.dtype == wanted[name].dtype
                assert tensor.view(torch.int32).equal(wanted[name].view(torch.int32)), name


def store_at(root: Path) -> CheckpointStore:
    return CheckpointStore(LocalStorage(root))


class Killed(BaseException):
    """Like a SIGKILL: nothing in the code under test catches it."""


class KilledStorage:
    """Does ``num_operations`` operations and dies in the next one, as in all that come after it.

    ``torn`` is the part of the file that the fatal write leaves behind under its temporary name.
    """

    def __init__(self, inner: Storage, root: Path, num_operations: int, torn: float) -> None:
        self._inner, self._root, self._left, self._torn = inner, root, num_operations, torn

    def write(self, name: str, parts: Sequence[memoryview]) -> None:
        if self._left <= 0:
            self._leave_torn(name, b"".join(parts))
        self._count()
        self._inner.write(name, parts)

    def read(self, name: str) -> bytes:
        self._count()
        return self._inner.read(name)

    def list(self, folder: str) -> dict[str, int]:
        self._count()
        return self._inner.list(folder)

    def delete(self, name: str) -> None:
        """A folder's files go one by one, in an order that helps least: so the manifest last."""
        below = self._inner.list(name) if (self._root / name).is_dir() else {}
        for file in sorted(below, key=lambda file: ("manifest" in file, file)):
            self._count()
            self._inner.delete(f"{name}/{file}")
        self._count()
        self._inner.delete(name)

    def describe(self) -> str:
        return self._inner.describe()

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed

    def _leave_torn(self, name: str, data: bytes) -> None:
        if self._left == 0:
            partial = self._root / (name + PARTIAL_SUFFIX)
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(data[: int(len(data) * self._torn)])


def kill_at_every_operation(
    prepare: Callable[[Path], None],
    act: Callable[[CheckpointStore], None],
    tmp_path: Path,
    torn: float = 0.5,
) -> Iterator[Path]:
    """A prepared folder for each operation of ``act``, killed in that operation; the earliest
    first."""
    for num_operations in range(1000):
        root = tmp_path / f"{num_operations}-{torn}"
        prepare(root)
        storage = KilledStorage(LocalStorage(root), root, num_operations, torn)
        try:
            act(CheckpointStore(storage))
        except Killed:
            yield root
        else:
            assert num_operations > 3, "it was killed nowhere"
            return
    raise AssertionError("it does not end")


def of_newer_format(path: Path) -> bytes:
    """The manifest as a later version of the format would have it."""
    version = b'"format_version": %d'
    body = path.read_bytes().rpartition(b',\n  "sha256"')[0]
    return _sealed(body.replace(version % FORMAT_VERSION, version % (FORMAT_VERSION + 1)))


def resealed(content: dict[str, Any]) -> bytes:
    """A manifest of this content, with its checksum."""
    without = {name: value for name, value in content.items() if name != "sha256"}
    return _sealed(json.dumps(without, indent=2).removesuffix("\n}").encode())


def _sealed(body: bytes) -> bytes:
    return body + b',\n  "sha256": "%s"\n}\n' % hashlib.sha256(body).hexdigest().encode()


def files_below(root: Path) -> dict[str, bytes]:
    """Their contents, by their paths."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
