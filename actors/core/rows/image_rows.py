"""Images that are decoded when they are needed. Does not use PyTorch, so that a task that
decodes starts sooner."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.core.rows.data_files import changed_while_read, file_signature
from actors.core.rows.image_decoding import ImageRef, decode
from actors.core.rows.packed_texts import PackedTexts
from actors.core.rows.row_reader import Array

WHOLE_FILE = -1
_MISSING = (-1, -1, -1)
_BITS = 2**63 - 1
"""Of a number of a signature: some file systems have larger ones than int64 holds."""


@dataclass(frozen=True, eq=False)
class ImageRows:
    """A ``RowReader`` of uint8 ``[n, channels, height, width]``. Each image is stretched to
    ``image_shape``. The files must be as they were when they were listed.

    All that grows with ``n`` is an array, because each task that reads a block gets all of it.
    ``places`` has ``n`` texts, ``paths`` one for each of ``k`` files. ``parts`` says where an image
    is, int64 ``[n, 3]``: the file's index, the first byte, and the number of bytes or
    ``WHOLE_FILE``. ``signatures`` is int64 ``[k, 3]``.
    """

    image_shape: tuple[int, int, int]
    places: PackedTexts
    paths: PackedTexts
    parts: npt.NDArray[np.int64]
    signatures: npt.NDArray[np.int64]

    @classmethod
    def of(cls, refs: Sequence[ImageRef], image_shape: tuple[int, int, int]) -> ImageRows:
        """For the files as they are now."""
        files = {path: i for i, path in enumerate(dict.fromkeys(ref.path for ref in refs))}
        parts = [(files[ref.path], ref.offset, _length(ref)) for ref in refs]
        return cls(
            image_shape,
            PackedTexts.of([ref.place for ref in refs]),
            PackedTexts.of([str(path) for path in files]),
            np.array(parts, np.int64).reshape(-1, 3),
            np.array([_signature(path) for path in files], np.int64).reshape(-1, 3),
        )

    def ref(self, sample: int) -> ImageRef:
        """Where the image with this index is."""
        file, offset, length = self.parts[sample].tolist()
        num_bytes = None if length == WHOLE_FILE else length
        return ImageRef(self.places[sample], Path(self.paths[file]), offset, num_bytes)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.parts), *self.image_shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    def rows(self, samples: npt.NDArray[np.int64]) -> Array:
        """Decodes the images with these indices."""
        images = np.empty((len(samples), *self.image_shape), np.uint8)
        for row, sample in enumerate(samples.tolist()):
            ref = self.ref(sample)
            if _signature(ref.path) != tuple(self._signatures_of(sample).tolist()):
                raise changed_while_read(ref.path)
            images[row] = decode(ref, self.image_shape[0], self.image_shape[1:])
        return images

    def file_bytes(self, samples: npt.NDArray[np.int64]) -> int:
        """The bytes of the encoded images."""
        lengths, sizes = self.parts[samples, 2], self._signatures_of(samples)[:, 1]
        return int(np.where(lengths == WHOLE_FILE, sizes.clip(min=0), lengths).sum())

    def _signatures_of(self, samples: int | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = self.signatures[self.parts[samples, 0]]
        return found

    def digest(self) -> bytes:
        """A digest of the files' names and sizes, in order."""
        digest = hashlib.blake2b(repr(self.image_shape).encode())
        for sample in range(len(self.parts)):
            ref, size = self.ref(sample), int(self._signatures_of(sample)[1])
            told = None if size < 0 else size
            digest.update(repr((ref.path.name, ref.offset, told)).encode())
        return digest.digest()


def _length(ref: ImageRef) -> int:
    return WHOLE_FILE if ref.num_bytes is None else ref.num_bytes


def _signature(path: Path) -> tuple[int, ...]:
    found = file_signature(path)
    return _MISSING if found is None else tuple(number & _BITS for number in found)
