"""scikit-learn's 1,797 images of 8 x 8 handwritten digits, which come with it."""

from __future__ import annotations

import numpy as np

from actors.core.errors import DatasetUnavailable, error_text
from actors.core.folders import Folders
from actors.core.sources.images import (
    IMAGE_FIELDS,
    IMAGE_VIEW_FIELDS,
    image_facts,
    image_samples,
)
from actors.core.sources.registry import SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Split
from actors.core.sources.source_facts import Found

PLACE = "scikit-learn's digits"
FOUND = Found(1_438, 359, 10, (0.3059,), (0.3763,))


def _read(spec: SourceSpec, folders: Folders) -> Samples:
    """Keeps every fifth image for validation."""
    try:
        from sklearn.datasets import load_digits

        bunch = load_digits()
    except (ImportError, OSError, ValueError, EOFError) as error:
        raise DatasetUnavailable(
            f"{PLACE} can't be read ({error_text(error)}): install scikit-learn again"
        ) from error
    pixels = np.rint(bunch.data * (255.0 / 16.0)).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = bunch.target.astype(np.int64)
    is_val = np.arange(len(labels)) % 5 == 4
    train, val = (Split(pixels[own], labels[own], PLACE, PLACE) for own in (~is_val, is_val))
    return image_samples(spec, train, val, FOUND)


add_source(
    SourceKind(
        "digits",
        "1,797 images of 8 x 8 handwritten digits, which come with scikit-learn",
        _read,
        image_facts((1, 8, 8)),
        known=lambda spec, folders: FOUND,
        fields=IMAGE_FIELDS,
        view_fields=IMAGE_VIEW_FIELDS,
        remedy="Install scikit-learn again",
    )
)
