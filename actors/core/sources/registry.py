"""The kinds of sources there are: a table that new kinds enter, one entry each."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.fields import Argument, Field, check_field, described, shown_value
from actors.core.folders import Folders
from actors.core.rows.data_files import changed_while_read, file_signature
from actors.core.rows.row_reader import Array, some_rows
from actors.core.sources.samples import (
    Samples,
    check_split,
    fingerprint,
    in_memory,
    input_bytes,
)
from actors.core.sources.source_facts import Found, SourceFacts
from actors.core.transform_spec import TransformSpec

WHERE = "dataset_config"
COMMON_FIELDS = ("name", "format", "batch_size", "val_batch_size", "shuffle")
"""Of every ``dataset_config``; what else is in one is its source's own."""


@dataclass(frozen=True)
class SourceSpec:
    """A source as a job asks for it: its name or its format, and every argument as checked."""

    name: str
    arguments: tuple[tuple[str, Argument | tuple[TransformSpec, ...]], ...] = ()

    @property
    def keywords(self) -> dict[str, Any]:
        """The arguments by their names."""
        return dict(self.arguments)

    def without(self, names: frozenset[str]) -> SourceSpec:
        """With fewer arguments."""
        return replace(self, arguments=tuple(a for a in self.arguments if a[0] not in names))


def _nothing_known(spec: SourceSpec, folders: Folders) -> Found | None:
    return None


def _no_files(spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
    return ()


def _nothing_to_fetch(spec: SourceSpec, folders: Folders) -> None:
    return None


Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Means and standard deviations, as ``Scaling`` takes them."""


@dataclass(frozen=True)
class SourceKind:
    """A kind of source. What is read lies in ``folders``.

    ``read`` is called in a process of its own, without the arguments in ``view_fields``; its
    samples may lack the fingerprint. ``facts``
    tells what samples are, given what is in the arrays, and raises ``InvalidRequest`` where the
    arguments do not go with that. ``known`` tells what is in the arrays without reading them, if
    that can be told; ``files`` is what they are read from, ``fetch`` gets what is missing.
    Arguments in ``view_fields`` change no array: jobs that differ in them share the arrays.
    ``remedy`` is what helps where the samples are not what they should be. A kind that
    ``is_format`` reads files of one's own: jobs ask for it by ``format``, and say where they lie by
    ``path``; for the others they ask by ``name``. ``statistics`` tells mean and standard deviation
    of stored inputs, where ``read`` leaves them open.
    """

    name: str
    says: str
    read: Callable[[SourceSpec, Folders], Samples]
    facts: Callable[[SourceSpec, Found], SourceFacts]
    known: Callable[[SourceSpec, Folders], Found | None] = _nothing_known
    files: Callable[[SourceSpec, Folders], tuple[Path, ...]] = _no_files
    fetch: Callable[[SourceSpec, Folders], None] = _nothing_to_fetch
    fields: Mapping[str, Field] = field(default_factory=dict)
    view_fields: frozenset[str] = frozenset()
    remedy: str = "Install Tandem's packages again"
    is_format: bool = False
    statistics: Callable[[Array], Statistics] | None = None

    @property
    def asked_by(self) -> str:
        """The field of ``dataset_config`` that has its name."""
        return "format" if self.is_format else "name"


STATISTICS_BYTES = 2**28
"""Of the training inputs that statistics are of, whether all of them lie in memory or not: the same
on a small machine and on a large one."""
SOURCES: dict[str, SourceKind] = {}
"""By name. Filled by the modules of ``actors.core.sources.kinds``, and by whoever adds one."""


def add_source(kind: SourceKind) -> None:
    """Makes a kind known by its name; a name is taken once."""
    assert kind.name not in SOURCES, f"there is a source {kind.name} already"
    SOURCES[kind.name] = kind


def parse_source(config: Mapping[str, Any]) -> SourceSpec:
    """``config`` is a job's ``dataset_config``; null stands for a field that is left out. Raises
    ``InvalidRequest``."""
    name = _asked_kind(config)
    fields = SOURCES[name].fields
    given = {n: v for n, v in config.items() if n not in COMMON_FIELDS and v is not None}
    for unknown in given.keys() - fields.keys():
        raise InvalidRequest(_unknown_field(unknown, name, [*COMMON_FIELDS, *fields]))
    values = {n: check_field(WHERE, name, n, own, given) for n, own in fields.items()}
    return SourceSpec(name, tuple(values.items()))


def _asked_kind(config: Mapping[str, Any]) -> str:
    asked = {by: config[by] for by in ("name", "format") if config.get(by) is not None}
    if len(asked) == 2:
        raise InvalidRequest(
            f"{WHERE} has name and format, but takes one: the name of a data set that Tandem "
            "knows, or the format of files of yours"
        )
    by, name = next(iter(asked.items()), ("name", None))
    known = [kind.name for kind in SOURCES.values() if kind.asked_by == by]
    if not isinstance(name, str) or name not in known:
        raise InvalidRequest(
            f"{WHERE}.{by} is {shown_value(name)}, but must be one of {', '.join(known)}"
        )
    return name


def _unknown_field(unknown: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(unknown, known, n=1)
    meant = f'; did you mean "{close[0]}"?' if close else ""
    return (
        f"{WHERE}.{unknown[:100]} is no field of the source {name}: it takes {', '.join(known)}"
        f"{meant}"
    )


def sources() -> list[dict[str, Any]]:
    """What ``GET /api/sources`` shows: what ``parse_source`` checks by."""
    return [
        {
            "name": kind.name,
            "asked_by": kind.asked_by,
            "about": kind.says,
            "fields": {name: described(one) for name, one in kind.fields.items()},
        }
        for kind in SOURCES.values()
    ]


def arrays_key(spec: SourceSpec) -> SourceSpec:
    """Equal for two that read the same arrays."""
    return spec.without(SOURCES[spec.name].view_fields)


def source_files(spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
    """What it is read from."""
    return SOURCES[spec.name].files(spec, folders)


Signature = tuple[tuple[str, tuple[int, ...] | None], ...]
"""The files' paths, and what changes with each of them."""


def source_signature(spec: SourceSpec, folders: Folders) -> Signature:
    """Another one once a file was replaced, changed, added or taken away."""
    return tuple((str(path), file_signature(path)) for path in source_files(spec, folders))


def _check_unchanged(before: Signature, after: Signature) -> None:
    changed = sorted(path for path, _ in set(before) ^ set(after))
    if changed:
        raise changed_while_read(changed[0])


def place_of(spec: SourceSpec, folders: Folders) -> str:
    """Where its samples come from, for people."""
    if SOURCES[spec.name].is_format:
        return str(spec.keywords["path"])
    files = source_files(spec, folders)
    if not files:
        return f"the source {spec.name}"
    return str(files[0] if len(files) == 1 else files[0].parent)


def known_of(spec: SourceSpec, folders: Folders) -> Found | None:
    """What is in its arrays, where that can be told without reading them. Raises
    ``DatasetUnavailable`` for a file that can't be the right one."""
    return SOURCES[spec.name].known(spec, folders)


def facts_of_source(spec: SourceSpec, found: Found) -> SourceFacts:
    """Raises ``InvalidRequest`` where the arguments do not go with what was found."""
    return SOURCES[spec.name].facts(spec, found)


def fetch_source(spec: SourceSpec, folders: Folders) -> None:
    """Gets what is missing of its files; raises ``DatasetUnavailable``."""
    SOURCES[spec.name].fetch(spec, folders)


def read_source(spec: SourceSpec, folders: Folders, max_bytes: int | None = None) -> Samples:
    """Reads the arrays, and checks them. Inputs that take more than ``max_bytes`` are left to be
    read row by row, if their kind can do that.

    Raises ``DatasetUnavailable`` when its files are neither there nor to be had, not what they
    should be, or changed amid it, naming file, finding and remedy.
    """
    kind = SOURCES[spec.name]
    kind.fetch(spec, folders)
    before = source_signature(spec, folders)
    samples = kind.read(spec, folders)
    if max_bytes is None or input_bytes(samples) <= max_bytes:
        samples = replace(samples, train=in_memory(samples.train), val=in_memory(samples.val))
    if kind.statistics is not None:
        mean, std = kind.statistics(some_rows(samples.train.inputs, STATISTICS_BYTES))
        samples = replace(samples, found=replace(samples.found, mean=mean, std=std))
    _check_unchanged(before, source_signature(spec, folders))
    for split in (samples.train, samples.val):
        check_split(split, samples.found.num_classes, kind.remedy)
    if samples.fingerprint:
        return samples
    return replace(samples, fingerprint=fingerprint(samples.train, samples.val))
