"""Tars of images with their classes, in the form of webdataset: ``<key>.jpg`` beside
``<key>.cls``."""

from __future__ import annotations

import os
import re
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from actors.core.errors import DatasetUnavailable, error_text
from actors.core.folders import Folders
from actors.core.rows.file_names import TEST, TRAIN, VAL, part_named
from actors.core.rows.image_decoding import SUFFIXES, ImageRef
from actors.core.rows.tar_end import check_tar_end
from actors.core.sources.images import channel_statistics
from actors.core.sources.readers.file_tree import FileTree, list_files
from actors.core.sources.readers.labelled_images import (
    FOR_TESTING,
    REMEDY,
    VIEW_FIELDS,
    Part,
    Parts,
    image_facts_of,
    image_fields,
    image_samples_of,
    images_like,
)
from actors.core.sources.registry import WHERE, SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Skipped, Split
from actors.core.sources.source_facts import SourceFacts

CLASS_SUFFIX = ".cls"
MAX_CLASS_BYTES = 1000
NO_LETTER = re.compile(r"[^a-z]")


@dataclass
class _SampleKey:
    """The parts of one sample."""

    image: ImageRef | None = None
    class_name: str | None = None
    place: str = ""


@dataclass
class _Read:
    """The samples found so far."""

    refs: list[ImageRef] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def _tree(spec: SourceSpec, folders: Folders) -> FileTree:
    path = folders.find_any(f"{WHERE}.path", str(spec.keywords["path"]))
    if not path.is_dir():
        return FileTree((path,), ())
    tree = list_files(path, folders, {".tar"})
    if not tree.files:
        raise DatasetUnavailable(
            f"{path} has no file whose name ends in .tar: put tars there, or name a single one in "
            f"{WHERE}.path"
        )
    return tree


def _files(spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
    return _tree(spec, folders).files


def _read(spec: SourceSpec, folders: Folders) -> Samples:
    return image_samples_of(spec, _parts(spec, folders))


def _read_like(spec: SourceSpec, folders: Folders, known: SourceFacts) -> tuple[Split, ...]:
    return images_like(spec, _parts(spec, folders), known)


def _parts(spec: SourceSpec, folders: Folders) -> Parts:
    """The names of tars say which are for validation and which for testing, unless all are of one
    kind."""
    tree, place = _tree(spec, folders), str(spec.keywords["path"])
    by_part: dict[str, list[Path]] = defaultdict(list)
    for tar in tree.files:
        by_part[_part_of(tar)].append(tar)
    for_training = by_part.pop(TRAIN, None) or by_part.pop(VAL, None) or by_part.pop(TEST)
    for_val = by_part.get(VAL)
    for_testing = [Skipped(str(tar), FOR_TESTING) for tar in by_part[TEST]]
    read = _Read(skipped=[*tree.skipped, *for_testing])
    train = _part(place, for_training, read)
    val = _part(f"{place} (val…)", for_val, read) if for_val else None
    return Parts(train, val, tuple(read.skipped))


def _part_of(tar: Path) -> str:
    """By the word that its name begins with."""
    word = NO_LETTER.split(tar.name.casefold(), maxsplit=1)[0]
    return part_named(word) or (VAL if word.startswith(VAL) else TRAIN)


def _part(place: str, tars: Sequence[Path], read: _Read) -> Part:
    read.refs, read.classes = [], []
    for tar in tars:
        _index(tar, read)
    return Part(place, tuple(read.refs), tuple(read.classes))


def _index(tar: Path, read: _Read) -> None:
    keys: dict[str, _SampleKey] = {}
    for member in _members(tar):
        place = f"{tar}, {member.name}"
        if not member.isreg():
            read.skipped += [] if member.isdir() else [Skipped(place, "is no regular file")]
            continue
        folder, _, name = member.name.rpartition("/")
        stem, dot, suffix = name.partition(".")
        key = keys.setdefault(f"{folder}/{stem}", _SampleKey(place=place))
        where = ImageRef(place, tar, member.offset_data, member.size)
        if (dot + suffix).lower() in SUFFIXES:
            _check_first(key.image, where, "image")
            key.image = where
        elif dot + suffix == CLASS_SUFFIX:
            _check_first(key.class_name, where, CLASS_SUFFIX)
            key.class_name = _class_name(where, member.size)
        else:
            read.skipped.append(Skipped(place, "is neither an image nor a .cls"))
    for key in keys.values():
        _take(key, read)


def _check_first(known: object, where: ImageRef, what: str) -> None:
    if known is not None:
        raise DatasetUnavailable(
            f"{where.place} is the second {what} of its sample: give each sample a key of its own"
        )


def _take(key: _SampleKey, read: _Read) -> None:
    if key.image is None and key.class_name is None:
        return
    if key.image is None or key.class_name is None:
        lacks = "no image" if key.image is None else f"no {CLASS_SUFFIX} with its class"
        raise DatasetUnavailable(
            f"{key.place} has {lacks} beside it: a sample is <key>.jpg (or png, webp, …) and "
            f"<key>{CLASS_SUFFIX} in the same tar. Write both, or neither"
        )
    read.refs.append(key.image)
    read.classes.append(key.class_name)


def _class_name(where: ImageRef, num_bytes: int) -> str:
    if num_bytes > MAX_CLASS_BYTES:
        raise DatasetUnavailable(
            f"{where.place} has {num_bytes:,} bytes, but a class's name has at most "
            f"{MAX_CLASS_BYTES:,}: write the class alone into it"
        )
    with where.opened() as file:
        name = file.read().decode("utf-8", errors="replace").strip()
    if not name:
        raise DatasetUnavailable(f"{where.place} is empty: write the image's class into it")
    return name


def _members(tar: Path) -> Iterator[tarfile.TarInfo]:
    """Reads only headers. Nothing is unpacked, and no name in a tar is used as a path."""
    num_bytes = os.path.getsize(tar)
    try:
        with tarfile.open(tar, "r:") as opened:
            for member in opened:
                if member.offset_data + member.size > num_bytes:
                    raise tarfile.ReadError(f"{member.name} is cut short")
                yield member
            check_tar_end(opened, opened.fileobj)
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise DatasetUnavailable(
            f"{tar} can't be read as a tar ({error_text(error)}): write it again, whole and not "
            "compressed"
        ) from error


add_source(
    SourceKind(
        "webdataset",
        "tars of images of yours: <key>.jpg (or png, webp, …) beside <key>.cls with its class",
        _read,
        image_facts_of,
        files=_files,
        fields=image_fields("a tar, or of a folder of tars"),
        view_fields=VIEW_FIELDS,
        remedy=REMEDY,
        is_format=True,
        statistics=channel_statistics,
        read_like=_read_like,
    )
)
