"""Folders of images. Each class is a folder with the class's name."""

from __future__ import annotations

from pathlib import Path

from actors.core.errors import DatasetUnavailable
from actors.core.folders import Folders
from actors.core.rows.file_names import TEST, TRAIN, VAL, part_named
from actors.core.rows.image_decoding import SUFFIXES, ImageRef
from actors.core.sources.images import channel_statistics
from actors.core.sources.readers.file_tree import FileTree, list_files, list_folders
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


def _root(spec: SourceSpec, folders: Folders) -> Path:
    return folders.find_folder(f"{WHERE}.path", str(spec.keywords["path"]))


def _files(spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
    return list_files(_root(spec, folders), folders, SUFFIXES).files


def _read(spec: SourceSpec, folders: Folders) -> Samples:
    return image_samples_of(spec, _parts(spec, folders))


def _read_like(spec: SourceSpec, folders: Folders, known: SourceFacts) -> tuple[Split, ...]:
    return images_like(spec, _parts(spec, folders), known)


def _parts(spec: SourceSpec, folders: Folders) -> Parts:
    root = _root(spec, folders)
    skipped: list[Skipped] = []
    found = _part_folders(root, folders, skipped)
    train = _part(found.get(TRAIN, root), folders, skipped)
    val = _part(found[VAL], folders, skipped) if VAL in found else None
    return Parts(train, val, tuple(skipped))


def _part_folders(root: Path, folders: Folders, skipped: list[Skipped]) -> dict[str, Path]:
    """The folders for training and validation, by their names. None if all folders are classes: a
    class may be called "train" or "valid", too, but it has no classes in it."""
    own_folders, beside = list_folders(root, folders)
    named = [own for own in own_folders if part_named(own.name) is not None]
    others = [own for own in own_folders if own not in named]
    if not named or (others and not any(list_folders(own, folders)[0] for own in named)):
        return {}
    found: dict[str, Path] = {}
    for own in named:
        part = str(part_named(own.name))
        if part == TEST:
            skipped.append(Skipped(str(own), FOR_TESTING))
        elif part in found:
            raise _twice(found[part], own, part)
        else:
            found[part] = own
    if TRAIN not in found:
        raise _no_training(root, named[0])
    reason = f"lies beside {' and '.join(own.name for own in found.values())}, and is no part"
    skipped += [Skipped(str(own), reason) for own in others] + beside
    return found


def _twice(first: Path, second: Path, part: str) -> DatasetUnavailable:
    purpose = "training" if part == TRAIN else "validation"
    return DatasetUnavailable(
        f"{first} and {second} are both for {purpose} by their names: put all images into one of "
        "them, and delete the other, or rename it"
    )


def _no_training(root: Path, folder: Path) -> DatasetUnavailable:
    return DatasetUnavailable(
        f"{folder} is a part of the data by its name, but {root} has no folder {TRAIN!r}: put the "
        f"images for training there, name {folder} itself in {WHERE}.path to read it alone, or "
        "give it another name if it is a class"
    )


def _part(folder: Path, folders: Folders, skipped: list[Skipped]) -> Part:
    """A class's folder may have subfolders. Files beside the classes' folders are skipped."""
    refs: list[ImageRef] = []
    classes: list[str] = []
    own_folders, beside = list_folders(folder, folders)
    skipped += beside
    for own in own_folders:
        tree = list_files(own, folders, SUFFIXES)
        if not tree.files:
            raise _no_images(own, tree)
        refs += [ImageRef(str(path), path) for path in tree.files]
        classes += [own.name] * len(tree.files)
        skipped += tree.skipped
    if not own_folders:
        raise DatasetUnavailable(
            f"{folder} has {len(beside):,} files and no folders, but each class is a folder "
            "with its images: make one a class, and move the images there"
        )
    return Part(str(folder), tuple(refs), tuple(classes))


def _no_images(folder: Path, tree: FileTree) -> DatasetUnavailable:
    lies_there = ""
    if tree.skipped:
        lies_there = f"; there is {tree.skipped[0].place}, which {tree.skipped[0].reason}"
    return DatasetUnavailable(
        f"{folder} has no images{lies_there}: put images of the class "
        f"{folder.name!r} there, or delete the folder"
    )


add_source(
    SourceKind(
        "image_folder",
        "a folder of images of yours: train/<class>/… and val/<class>/…, or <class>/…",
        _read,
        image_facts_of,
        files=_files,
        fields=image_fields("a folder"),
        view_fields=VIEW_FIELDS,
        remedy=REMEDY,
        is_format=True,
        statistics=channel_statistics,
        read_like=_read_like,
    )
)
