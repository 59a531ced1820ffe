"""The registry of the kinds of sources. A new kind adds one entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.fields import (
    Argument,
    Field,
    check_field,
    described,
    did_you_mean,
    shown_value,
)
from actors.core.folders import Folders
from actors.core.rows.data_files import changed_while_read, file_signature
from actors.core.rows.row_reader import Array, num_bytes, some_rows
from actors.core.sources.matching import matched
from actors.core.sources.samples import (
    Samples,
    Split,
    check_split,
    fingerprint,
    in_memory,
    input_bytes,
    with_files_fingerprint,
)
from actors.core.sources.source_facts import Found, SourceFacts
from actors.core.transform_spec import TransformSpec

WHERE = "dataset_config"
COMMON_FIELDS = ("name", "format", "batch_size", "val_batch_size", "shuffle")
"""The fields of every ``dataset_config``. All others belong to its source."""


@dataclass(frozen=True)
class SourceSpec:
    """A source as a job asks for it: its name or format, and every argument after its check.
    ``upload`` is the name of the uploaded data set that has its files."""

    name: str
    arguments: tuple[tuple[str, Argument | tuple[TransformSpec, ...]], ...] = ()
    upload: str | None = None

    @property
    def keywords(self) -> dict[str, Any]:
        """The arguments by name."""
        return dict(self.arguments)

    def without(self, names: frozenset[str]) -> SourceSpec:
        """A copy without these arguments."""
        return replace(self, arguments=tuple(a for a in self.arguments if a[0] not in names))


def _nothing_known(spec: SourceSpec, folders: Folders) -> Found | None:
    return None


def _no_files(spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
    return ()


def _nothing_to_fetch(spec: SourceSpec, folders: Folders) -> None:
    return None


Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Means and standard deviations, as in ``Scaling``."""


@dataclass(frozen=True)
class SourceKind:
    """A kind of source. Its files lie in ``folders``.

    ``read`` returns the arrays. It runs in a process of its own and does not get the arguments in
    ``view_fields``. Its samples may lack the fingerprint.
    ``facts`` describes the samples for what was found in the arrays. It raises ``InvalidRequest``
    if the arguments don't fit that.
    ``known`` says what the arrays hold without reading them, or returns None.
    ``files`` lists the files that are read, and ``fetch`` downloads the missing ones.
    ``view_fields`` names the arguments that don't change the arrays. Jobs that differ only in these
    share the arrays.
    ``remedy`` ends the error for samples that are not as they should be.
    ``is_format`` marks a kind that reads the user's own files. Jobs ask for it by ``format`` and
    ``path``, and for all other kinds by ``name``.
    ``statistics`` computes mean and standard deviation of stored inputs if ``read`` does not.
    ``read_like`` reads all samples for a model that was trained on other data, numbered and encoded
    as that data was.
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
    read_like: Callable[[SourceSpec, Folders, SourceFacts], tuple[Split, ...]] | None = None

    @property
    def asked_by(self) -> str:
        """The field of ``dataset_config`` that holds its name."""
        return "format" if self.is_format else "name"


STATISTICS_BYTES = 2**28
"""Statistics are computed from this many bytes of the training inputs, even if all of them lie in
memory. So they are the same on a small machine and on a large one."""
SOURCES: dict[str, SourceKind] = {}
"""The kinds by name. The modules of ``actors.core.sources.kinds`` fill it; anyone may add one."""


def add_source(kind: SourceKind) -> None:
    """Adds a kind. Its name must be new."""
    assert kind.name not in SOURCES, f"there is a source {kind.name} already"
    SOURCES[kind.name] = kind


NO_UPLOADS: Mapping[str, Mapping[str, Any]] = {}


def parse_source(
    config: Mapping[str, Any], uploads: Mapping[str, Mapping[str, Any]] = NO_UPLOADS
) -> SourceSpec:
    """Parses a job's ``dataset_config``. A field that is null counts as absent. ``uploads`` has the
    fields of each uploaded data set, by its name: a job that asks for one by ``name`` may give
    others. Raises ``InvalidRequest``."""
    upload = config.get("name") if config.get("format") is None else None
    if isinstance(upload, str) and upload in uploads:
        own = {n: v for n, v in config.items() if n != "name" and v is not None}
        return replace(_parsed({**uploads[upload], **own}, ()), upload=upload)
    return _parsed(config, uploads)


def _parsed(config: Mapping[str, Any], uploads: Iterable[str]) -> SourceSpec:
    name = _asked_kind(config, uploads)
    fields = SOURCES[name].fields
    given = {n: v for n, v in config.items() if n not in COMMON_FIELDS and v is not None}
    for unknown in given.keys() - fields.keys():
        raise InvalidRequest(_unknown_field(unknown, name, [*COMMON_FIELDS, *fields]))
    values = {n: check_field(WHERE, name, n, own, given) for n, own in fields.items()}
    return SourceSpec(name, tuple(values.items()))


def _asked_kind(config: Mapping[str, Any], uploads: Iterable[str]) -> str:
    asked = {by: config[by] for by in ("name", "format") if config.get(by) is not None}
    if len(asked) == 2:
        raise InvalidRequest(
            f"{WHERE} has name and format, but takes one: the name of a data set that Tandem "
            "knows, or the format of files of yours"
        )
    by, name = next(iter(asked.items()), ("name", None))
    known = [kind.name for kind in SOURCES.values() if kind.asked_by == by]
    if not isinstance(name, str) or name not in known:
        shown = [*known, *uploads] if by == "name" else known
        raise InvalidRequest(
            f"{WHERE}.{by} is {shown_value(name)}, but must be one of {', '.join(shown)}"
        )
    return name


def _unknown_field(unknown: str, name: str, known: list[str]) -> str:
    return (
        f"{WHERE}.{unknown[:100]} is no field of the source {name}: it takes {', '.join(known)}"
        f"{did_you_mean(unknown, known)}"
    )


def sources() -> list[dict[str, Any]]:
    """The answer of ``GET /api/sources``, made from the fields by which ``parse_source`` checks."""
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
    """A key that is equal for two sources if they read the same arrays."""
    return spec.without(SOURCES[spec.name].view_fields)


def source_files(spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
    """The files from which it is read."""
    return SOURCES[spec.name].files(spec, _own_folders(spec, folders))


def _own_folders(spec: SourceSpec, folders: Folders) -> Folders:
    return folders if spec.upload is None else folders.of_upload(spec.upload)


Signature = tuple[tuple[str, tuple[int, ...] | None], ...]
"""The files' paths, each with values that change when the file does."""


def source_signature(spec: SourceSpec, folders: Folders) -> Signature:
    """The signature of its files. It differs once a file was replaced, changed, added or
    removed."""
    return tuple((str(path), file_signature(path)) for path in source_files(spec, folders))


def _check_unchanged(before: Signature, after: Signature) -> None:
    changed = sorted(path for path, _ in set(before) ^ set(after))
    if changed:
        raise changed_while_read(changed[0])


def place_of(spec: SourceSpec, folders: Folders) -> str:
    """Says to people where its samples come from."""
    if spec.upload is not None:
        return f"the data set {spec.upload}"
    if SOURCES[spec.name].is_format:
        return str(spec.keywords["path"])
    files = source_files(spec, folders)
    if not files:
        return f"the source {spec.name}"
    return str(files[0] if len(files) == 1 else files[0].parent)


def known_of(spec: SourceSpec, folders: Folders) -> Found | None:
    """What its arrays hold, if that is known without reading them. Raises ``DatasetUnavailable`` if
    a file can't be the right one."""
    return SOURCES[spec.name].known(spec, _own_folders(spec, folders))


def facts_of_source(spec: SourceSpec, found: Found) -> SourceFacts:
    """Describes its samples. Raises ``InvalidRequest`` if the arguments don't fit what was
    found."""
    facts = SOURCES[spec.name].facts(spec, found)
    return facts if spec.upload is None else replace(facts, name=spec.upload)


def fetch_source(spec: SourceSpec, folders: Folders) -> None:
    """Downloads its missing files. Raises ``DatasetUnavailable``."""
    SOURCES[spec.name].fetch(spec, _own_folders(spec, folders))


def read_source(spec: SourceSpec, folders: Folders, max_bytes: int | None = None) -> Samples:
    """Reads and checks the arrays. Inputs that take more than ``max_bytes`` are not read now but
    row by row later, if their kind can do that.

    Raises ``DatasetUnavailable``, naming file, finding and remedy, if its files are missing and
    can't be downloaded, are not as they should be, or change while they are read.
    """
    kind = SOURCES[spec.name]
    fetch_source(spec, folders)
    before = source_signature(spec, folders)
    samples = with_files_fingerprint(kind.read(spec, _own_folders(spec, folders)))
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


def read_like(
    spec: SourceSpec, folders: Folders, known: SourceFacts, max_bytes: int
) -> tuple[Split, ...]:
    """Reads samples for a model that was trained on ``known``: those to train with and those to
    validate with, or all together. Classes and tokens are numbered as there.

    Raises what ``read_source`` raises, and ``InvalidRequest`` for what the model can not take.
    """
    kind = SOURCES[spec.name]
    fetch_source(spec, folders)
    before, own = source_signature(spec, folders), _own_folders(spec, folders)
    if kind.read_like is not None:
        splits = kind.read_like(spec, own, known)
        for split in splits:
            check_split(split, known.num_classes, kind.remedy)
    else:
        samples = kind.read(spec, own)
        for split in (samples.train, samples.val):
            check_split(split, samples.found.num_classes, kind.remedy)
        splits = tuple(matched(s, samples.found, known) for s in (samples.train, samples.val))
    if sum(num_bytes(split.inputs) for split in splits) <= max_bytes:
        splits = tuple(map(in_memory, splits))
    _check_unchanged(before, source_signature(spec, folders))
    return splits
