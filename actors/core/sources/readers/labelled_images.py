"""Turns encoded images with their classes into the samples of a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.fields import Field
from actors.core.rows.image_decoding import (
    ImageHeader,
    ImageRef,
    read_header,
)
from actors.core.rows.image_rows import ImageRows
from actors.core.rows.row_reader import Array
from actors.core.sources.images import (
    image_scaling,
    image_views,
    normalize_field,
    resize_field,
    transform_field,
)
from actors.core.sources.matching import matched
from actors.core.sources.readers.fields import DEFAULT_SPLIT, path_field, split_fields
from actors.core.sources.readers.splitting import drawn_for_validation
from actors.core.sources.registry import WHERE, SourceSpec
from actors.core.sources.samples import Samples, Skipped, Split
from actors.core.sources.source_facts import Found, SourceFacts

VIEW_FIELDS = frozenset({"normalize", "transform"})
REMEDY = "Look at the files"
FOR_TESTING = "is for testing by its name: evaluate reads it if its own path is given"


@dataclass(frozen=True)
class Part:
    """Images for training or validation. ``classes`` has the name of each image's class.
    ``place`` tells people where they lie."""

    place: str
    refs: tuple[ImageRef, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """All images of a source. ``val`` is None if the files don't say which are for validation."""

    train: Part
    val: Part | None
    skipped: tuple[Skipped, ...]


def image_fields(wanted: str) -> dict[str, Field]:
    """The fields of a source of images; ``wanted`` says what ``path`` must name."""
    return {
        "path": path_field(wanted),
        "channels": _channels_field(),
        "resize": resize_field(),
        "normalize": normalize_field(),
        "transform": transform_field(),
        **split_fields(),
    }


def _channels_field() -> Field:
    def check(value: object) -> int:
        if type(value) is not int or value not in (1, 3):
            raise ValueError
        return value

    return Field(check, "1 (grey) or 3 (colours); default: 1 if no image has colours", None)


def image_samples_of(spec: SourceSpec, parts: Parts) -> Samples:
    """The samples, whose images are not decoded yet. If there is no part for validation, a share
    of the training images is drawn for it. Raises ``InvalidRequest``, ``DatasetUnavailable``."""
    own, train, val = spec.keywords, parts.train, parts.val
    names = _class_names(train, val)
    if val is None:
        train, val = _drawn(train, names, own["validation_split"] or DEFAULT_SPLIT, own["seed"])
    elif own["validation_split"] is not None:
        raise InvalidRequest(
            f"{WHERE}.validation_split is {own['validation_split']:g}, but {val.place} has images "
            "for validation: leave it out"
        )
    shape = _common_shape((*train.refs, *val.refs), own["channels"], own["resize"])
    for_training, for_val = (_split(part, names, shape) for part in (train, val))
    found = Found(len(train.refs), len(val.refs), len(names), shape=shape, class_names=names)
    return Samples(for_training, for_val, found, skipped=parts.skipped)


def images_like(spec: SourceSpec, parts: Parts, known: SourceFacts) -> tuple[Split, ...]:
    """All images, for a model that was trained on others: there may be few, and of one class.
    Raises ``InvalidRequest``, ``DatasetUnavailable``."""
    own = spec.keywords
    given = [parts.train] if parts.val is None else [parts.train, parts.val]
    for part in given:
        _check_not_empty(part)
    names = tuple(sorted({name for part in given for name in part.classes}))
    refs = [ref for part in given for ref in part.refs]
    shape = _common_shape(refs, own["channels"], own["resize"])
    found = Found(len(refs), 0, len(names), shape=shape, class_names=names)
    return tuple(matched(_split(part, names, shape), found, known) for part in given)


def image_facts_of(spec: SourceSpec, found: Found) -> SourceFacts:
    """The facts of the images that were read."""
    path = str(spec.keywords["path"])
    channels, height, width = found.shape
    scaling = image_scaling(spec.keywords["normalize"], found, path, channels)
    transforms, stored = spec.keywords["transform"], (channels, height, width)
    return SourceFacts(
        path,
        image_views(transforms, stored, scaling, found.num_classes),
        found.num_classes,
        found.num_train,
        found.num_val,
        "classification",
        class_names=found.class_names,
    )


def _check_not_empty(part: Part) -> None:
    if not part.refs:
        raise DatasetUnavailable(
            f"{part.place} has no images: put them there, those of each class together"
        )


def _class_names(train: Part, val: Part | None) -> tuple[str, ...]:
    _check_not_empty(train)
    names = tuple(sorted(set(train.classes)))
    if len(names) == 1:
        raise DatasetUnavailable(
            f"{train.place} has only the class {names[0]!r}: a network is trained to tell classes "
            "apart, so put images of another one beside it"
        )
    if val is None:
        return names
    if not val.refs:
        raise DatasetUnavailable(
            f"{val.place} has no images: put some there, or delete it, and a share of the training "
            "images is drawn"
        )
    for ref, name in zip(val.refs, val.classes, strict=True):
        if name not in names:
            raise DatasetUnavailable(
                f"{ref.place} is of the class {name!r}, but {train.place} has no image of it: put "
                "some there, or delete the class from both"
            )
    return names


def _drawn(whole: Part, names: tuple[str, ...], share: float, seed: int) -> tuple[Part, Part]:
    mask = drawn_for_validation(len(whole.refs), share, seed, _numbers(whole, names))
    parts = []
    for own in (~mask, mask):
        chosen = np.flatnonzero(own).tolist()
        refs, classes = ([of[i] for i in chosen] for of in (whole.refs, whole.classes))
        parts.append(Part(whole.place, tuple(refs), tuple(classes)))
    return parts[0], parts[1]


def _numbers(part: Part, names: tuple[str, ...]) -> Array:
    index = {name: i for i, name in enumerate(names)}
    return np.array([index[name] for name in part.classes], np.int64)


def _common_shape(
    refs: Sequence[ImageRef], channels: int | None, resize: tuple[int, int] | None
) -> tuple[int, int, int]:
    """Channels, height and width of all images. Reads only as many headers as it needs."""
    if channels is not None and resize is not None:
        return (channels, *resize)
    is_grey, size = True, resize
    for ref in refs:
        header = read_header(ref)
        is_grey &= header.is_grey
        if size is None:
            size = header.height, header.width
        elif resize is None and size != (header.height, header.width):
            raise _unlike(refs[0], size, ref, header)
        if resize is not None and not is_grey:
            break
    assert size is not None, "there are images"
    return (channels or (1 if is_grey else 3), *size)


def _unlike(
    first: ImageRef, size: tuple[int, int], ref: ImageRef, header: ImageHeader
) -> InvalidRequest:
    return InvalidRequest(
        f"{WHERE}.resize is missing: {ref.place} has {header.height} × {header.width} pixels "
        f"(height × width), but {first.place} {size[0]} × {size[1]}. Give [height, width], and all "
        "are made that large"
    )


def _split(part: Part, names: tuple[str, ...], shape: tuple[int, int, int]) -> Split:
    images = ImageRows.of(part.refs, shape)
    places = tuple(ref.place for ref in part.refs)
    return Split(images, _numbers(part, names), part.place, part.place, places)
