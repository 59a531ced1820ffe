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

from actors.core.rows.data_files import check_same_file, file_signature
from actors.core.rows.image_decoding import ImageRef, decode
from actors.core.rows.row_reader import Array

Signatures = dict[Path, tuple[int, ...] | None]


@dataclass(frozen=True)
class ImageRows:
    """A ``RowReader`` of uint8 ``[n, channels, height, width]``. Each image is stretched to
    ``image_shape``. The files must be as they were when they were listed."""

    refs: tuple[ImageRef, ...]
    image_shape: tuple[int, int, int]
    files: Signatures

    @classmethod
    def of(cls, refs: Sequence[ImageRef], image_shape: tuple[int, int, int]) -> ImageRows:
        """For the files as they are now."""
        files = {path: file_signature(path) for path in {ref.path for ref in refs}}
        return cls(tuple(refs), image_shape, files)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.refs), *self.image_shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    def rows(self, samples: npt.NDArray[np.int64]) -> Array:
        """Decodes the images with these indices."""
        images = np.empty((len(samples), *self.image_shape), np.uint8)
        for row, sample in enumerate(samples):
            ref = self.refs[sample]
            check_same_file(ref.path, self.files[ref.path])
            images[row] = decode(ref, self.image_shape[0], self.image_shape[1:])
        return images

    def file_bytes(self, samples: npt.NDArray[np.int64]) -> int:
        """The bytes of the encoded images."""
        return sum(self._encoded_bytes(self.refs[sample]) for sample in samples)

    def _encoded_bytes(self, ref: ImageRef) -> int:
        if ref.num_bytes is not None:
            return ref.num_bytes
        signature = self.files[ref.path]
        return 0 if signature is None else signature[1]

    def digest(self) -> bytes:
        """A digest of the files' names and sizes, in order."""
        digest = hashlib.blake2b(repr(self.image_shape).encode())
        for ref in self.refs:
            signature = self.files[ref.path]
            size = signature and signature[1]
            digest.update(repr((ref.path.name, ref.offset, size)).encode())
        return digest.digest()
