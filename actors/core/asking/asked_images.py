"""Image files that came with a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.input_form import Array, InputForm
from actors.core.rows.image_decoding import ImageBytes, decode


@dataclass(frozen=True)
class AskedImages:
    """Encoded images, as a browser or curl sends them. They are decoded as in a data set."""

    images: tuple[ImageBytes, ...]
    field: str = "image"
    largest: float = 0.0

    def blocks(self, num_rows: int) -> Iterator[AskedImages]:
        """See ``Question``."""
        for start in range(0, len(self.images), num_rows):
            yield AskedImages(self.images[start : start + num_rows])

    def rows(self, form: InputForm, first: int) -> Array:
        """See ``AskedSamples``; each is stretched to the size that the data has."""
        channels, height, width = form.shape
        rows = np.empty((len(self.images), form.num_features), np.float32)
        for row, image in zip(rows, self.images, strict=True):
            try:
                row[:] = decode(image, channels, (height, width)).reshape(-1)
            except DatasetUnavailable as error:  # of a data set; here the request is wrong
                raise InvalidRequest(error.message) from error
        return rows
