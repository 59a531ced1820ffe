"""Samples of any shape, drawn by a seed, for benchmarks and trials; there is something to learn.

- Classes: a sample of class c is noise, with every ``classes``-th number from the c-th on larger;
  of tokens, half of them are c.
- Numbers: target j is the scaled sum of every k-th number of the sample from the j-th on.
- Labels: each is 1 where the number that it would be is above 0.
- Next tokens: a pattern of 97 tokens again and again, with one token in ten drawn anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from actors.core.errors import InvalidRequest
from actors.core.fields import choice, count, shape
from actors.core.folders import Folders
from actors.core.model.model_spec import TensorSpec
from actors.core.rows.drawn_rows import DrawnRows
from actors.core.rows.row_reader import Array
from actors.core.sources.registry import WHERE, SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Split
from actors.core.sources.source_facts import Found, SourceFacts
from actors.core.sources.views import SampleView, SampleViews, Scaling, window_views

MAX_BYTES = 2**33
MAX_CLASSES = 100_000
ROWS_AT_ONCE = 4096
"""The number of inputs that a target sums."""
MAX_TARGETS = 10_000
PERIOD = 97
NEW_SHARE = 0.1
PIXELS = Scaling((0.5,), (0.25,), 255.0)
NAME = "synthetic"
TARGETS = {
    "classes": ("int64", "classification"),
    "targets": ("float32", "regression"),
    "labels": ("int64", "multilabel"),
}
"""The targets' dtype, and the task for them."""


@dataclass(frozen=True)
class _Asked:
    """The arguments, after the checks that need several of them."""

    inputs: tuple[int, ...]
    dtype: str
    num_tokens: int | None
    classes: int | None
    targets: tuple[int, ...] | None
    labels: int | None
    num_train: int
    num_val: int
    seed: int

    @property
    def is_text(self) -> bool:
        return self.dtype == "int64" and not self.given

    @property
    def given(self) -> list[str]:
        """The kind of targets that is asked for."""
        names = ("classes", "targets", "labels")
        return [name for name in names if getattr(self, name) is not None]

    @property
    def target_shape(self) -> tuple[int, ...]:
        """The bytes of one sample."""
        return (self.labels,) if self.labels is not None else self.targets or ()

    @property
    def num_bytes(self) -> int:
        """The bytes that must lie in memory: a text's tokens, and targets."""
        if self.is_text:
            return 4 * (self.num_train + self.num_val) * math.prod(self.inputs)
        return 8 * (self.num_train + self.num_val) * math.prod(self.target_shape)


def _asked(spec: SourceSpec) -> _Asked:
    asked = _Asked(**spec.keywords)
    if len(asked.given) > 1:
        raise InvalidRequest(
            f"{WHERE} has {' and '.join(asked.given)}, but a sample has only one of them"
        )
    if (asked.dtype == "int64") != (asked.num_tokens is not None):
        raise InvalidRequest(
            f"{WHERE}.num_tokens is {asked.num_tokens} with the dtype {asked.dtype}: samples of "
            "int64 need it, and no others have it"
        )
    if not asked.given and not asked.is_text:
        raise InvalidRequest(
            f"{WHERE} needs classes, labels (how many), or targets (a shape), for {asked.dtype}"
        )
    if asked.is_text and len(asked.inputs) != 1:
        raise InvalidRequest(
            f"{WHERE}.inputs is {list(asked.inputs)}, but must be [context] where a sample's "
            "targets are its next tokens"
        )
    if math.prod(asked.target_shape) > MAX_TARGETS:
        raise InvalidRequest(
            f"{WHERE}.targets is {list(asked.target_shape)}, but a sample has at most "
            f"{MAX_TARGETS:,} numbers to tell: use fewer"
        )
    if asked.num_bytes > MAX_BYTES:
        raise InvalidRequest(
            f"{WHERE} asks for samples of {asked.num_bytes:,} bytes, but the limit is "
            f"{MAX_BYTES:,}: use smaller inputs, or a smaller num_train or num_val"
        )
    return asked


def _known(spec: SourceSpec, folders: Folders) -> Found:
    asked = _asked(spec)
    num_classes = asked.num_tokens if asked.is_text else asked.classes
    if asked.labels is not None:
        num_classes = 2
    return Found(asked.num_train, asked.num_val, num_classes)


def _facts(spec: SourceSpec, found: Found) -> SourceFacts:
    asked = _asked(spec)
    if asked.is_text:
        views, task = window_views(asked.inputs[0], asked.inputs[0]), "next_token"
    else:
        is_tokens = asked.dtype == "int64"
        sample = TensorSpec(asked.inputs, "int64" if is_tokens else "float32")
        inputs = SampleView(sample, PIXELS if asked.dtype == "uint8" else None)
        dtype, task = TARGETS[asked.given[0]]
        views = SampleViews(inputs, SampleView(TensorSpec(asked.target_shape, dtype)))
    numbers = (found.num_classes, found.num_train, found.num_val)
    return SourceFacts(NAME, views, *numbers, task, asked.num_tokens)


def _read(spec: SourceSpec, folders: Folders) -> Samples:
    asked, found = _asked(spec), _known(spec, folders)
    counts = (asked.num_train, asked.num_val)
    if asked.is_text:
        rng = np.random.default_rng(asked.seed)
        pattern = rng.integers(0, asked.num_tokens, PERIOD, dtype=np.int32)
        texts = [_text(rng, asked, pattern, count) for count in counts]
        train, val = (Split(own, own, NAME, NAME) for own in texts)
    else:
        train, val = (_split(asked, index, count) for index, count in enumerate(counts))
    return Samples(train, val, found)


def _text(rng: np.random.Generator, asked: _Asked, pattern: Array, num_samples: int) -> Array:
    length = num_samples * asked.inputs[0] + 1
    tokens: Array = np.resize(pattern, length)
    anew = rng.random(length, np.float32) < NEW_SHARE
    tokens[anew] = rng.integers(0, asked.num_tokens, int(anew.sum()), dtype=np.int32)
    return tokens


def _split(asked: _Asked, index: int, num_samples: int) -> Split:
    rows = DrawnRows(
        num_samples,
        asked.inputs,
        asked.dtype,
        asked.num_tokens or 0,
        asked.classes,
        asked.seed,
        index,
    )
    if asked.classes is not None:
        return Split(rows, rows.classes_of(np.arange(num_samples)), NAME, NAME)
    targets = np.empty((num_samples, math.prod(asked.target_shape)), np.float32)
    for first in range(0, num_samples, ROWS_AT_ONCE):
        some = np.arange(first, min(first + ROWS_AT_ONCE, num_samples))
        numbers = rows.centred(rows.rows(some)).reshape(len(some), -1)
        for j in range(targets.shape[1]):
            part = numbers[:, j % numbers.shape[1] :: targets.shape[1]]
            targets[some, j] = part.sum(axis=1) / math.sqrt(part.shape[1])
    if asked.labels is not None:
        return Split(rows, (targets > 0).astype(np.int64), NAME, NAME)
    return Split(rows, targets.reshape(num_samples, *asked.target_shape), NAME, NAME)


add_source(
    SourceKind(
        NAME,
        "samples of any shape, drawn by a seed, with something to learn in them",
        _read,
        _facts,
        _known,
        fields={
            "inputs": shape(),
            "dtype": choice(("float32", "uint8", "int64"), "float32"),
            "num_tokens": count(2, default=None),
            "classes": count(2, MAX_CLASSES, None),
            "targets": shape(None),
            "labels": count(1, MAX_CLASSES, None),
            "num_train": count(1, 10**8, 10_000),
            "num_val": count(1, 10**8, 1_000),
            "seed": count(0, 2**63 - 1, 0),
        },
    )
)
