"""The kinds of sources there are: a table that new kinds enter, one entry each."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.fields import Field, check_field, described, shown_value
from actors.core.folders import Folders
from actors.core.model.model_spec import Argument
from actors.core.sources.samples import Samples, check_split, fingerprint
from actors.core.sources.source_facts import Found, SourceFacts

WHERE = "dataset_config"
COMMON_FIELDS = ("name", "batch_size", "val_batch_size", "shuffle")
"""Of every ``dataset_config``; what else is in one is its source's own."""


@dataclass(frozen=True)
class SourceSpec:
    """A source as a job asks for it: its name, and every argument as checked."""

    name: str
    arguments: tuple[tuple[str, Argument], ...] = ()

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


@dataclass(frozen=True)
class SourceKind:
    """A kind of source. What is read lies in ``folders``.

    ``read`` is called in a process of its own, without the arguments in ``view_fields``; its
    samples may lack the fingerprint. ``facts``
    tells what samples are, given what is in the arrays, and raises ``InvalidRequest`` where the
    arguments do not go with that. ``known`` tells what is in the arrays without reading them, if
    that can be told; ``files`` is what they are read from, ``fetch`` gets what is missing.
    Arguments in ``view_fields`` change no array: jobs that differ in them share the arrays.
    ``remedy`` is what helps where the samples are not what they should be.
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


SOURCES: dict[str, SourceKind] = {}
"""By name. Filled by the modules of ``actors.core.sources.kinds``, and by whoever adds one."""


def add_source(kind: SourceKind) -> None:
    """Makes a kind known by its name; a name is taken once."""
    assert kind.name not in SOURCES, f"there is a source {kind.name} already"
    SOURCES[kind.name] = kind


def parse_source(config: Mapping[str, Any]) -> SourceSpec:
    """``config`` is a job's ``dataset_config``; null stands for a field that is left out. Raises
    ``InvalidRequest``."""
    name = config.get("name")
    if not isinstance(name, str) or name not in SOURCES:
        raise InvalidRequest(
            f"{WHERE}.name is {shown_value(name)}, but must be one of {', '.join(SOURCES)}"
        )
    fields = SOURCES[name].fields
    given = {n: v for n, v in config.items() if n not in COMMON_FIELDS and v is not None}
    for unknown in given.keys() - fields.keys():
        raise InvalidRequest(_unknown_field(unknown, name, [*COMMON_FIELDS, *fields]))
    values = {n: check_field(WHERE, name, n, own, given) for n, own in fields.items()}
    return SourceSpec(name, tuple(values.items()))


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


def place_of(spec: SourceSpec, folders: Folders) -> str:
    """Where its samples come from, for people."""
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


def read_source(spec: SourceSpec, folders: Folders) -> Samples:
    """Reads the arrays, and checks them.

    Raises ``DatasetUnavailable`` when its files are neither there nor to be had, or not what they
    should be, naming file, finding and remedy.
    """
    kind = SOURCES[spec.name]
    kind.fetch(spec, folders)
    samples = kind.read(spec, folders)
    for split in (samples.train, samples.val):
        check_split(split, samples.found.num_classes, kind.remedy)
    if samples.fingerprint:
        return samples
    return replace(samples, fingerprint=fingerprint(samples.train, samples.val))
