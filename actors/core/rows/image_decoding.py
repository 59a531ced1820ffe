"""Decodes one image of any common file format, in any of its pixel formats."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from actors.core.errors import DatasetUnavailable, error_text
from actors.core.rows.row_reader import Array

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""That are decoded, whatever a name ends in: Pillow would run other programs for some others."""
MAX_PIXELS = 64 * 10**6
"""The most pixels of one image. A file of a few kilobytes may claim billions."""
REMEDY = "replace it by the whole image, or delete it"
_ORIENTATION = 0x0112
_LYING = frozenset({5, 6, 7, 8})
"""The values of EXIF's orientation that swap height and width."""
_TOLD_IN = frozenset({"exif", "XML:com.adobe.xmp"})
"""Where a PNG may have its orientation."""
_WIDTH, _HEIGHT = 256, 257
"""Tags of TIFF."""
_GREY = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"})
_DEEP = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
"""Pillow's modes with 16 bits a pixel."""
_SEE_THROUGH = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_WHITE = 255


class EncodedImage(Protocol):
    """An image as a file has it; ``place`` tells people where it is from."""

    @property
    def place(self) -> str: ...

    def opened(self) -> AbstractContextManager[BinaryIO]:
        """Its bytes."""


@dataclass(frozen=True)
class ImageBytes:
    """An image file in memory."""

    place: str
    content: bytes

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Its bytes."""
        yield BytesIO(self.content)


@dataclass(frozen=True)
class ImageRef:
    """An image in a file, or in ``num_bytes`` of one from ``offset`` on."""

    place: str
    path: Path
    offset: int = 0
    num_bytes: int | None = None

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The encoded bytes."""
        with self.path.open("rb") as file:
            if self.num_bytes is None:
                yield file
            else:
                file.seek(self.offset)
                yield BytesIO(file.read(self.num_bytes))


@dataclass(frozen=True)
class ImageHeader:
    """The size in which an image is shown, and whether it is grey."""

    height: int
    width: int
    is_grey: bool


def read_header(ref: EncodedImage) -> ImageHeader:
    """Reads only the header. Raises ``DatasetUnavailable``."""
    with _opened(ref) as image:
        height, width = _stored_size(image)
        if _orientation(image) in _LYING:
            height, width = width, height
        return ImageHeader(height, width, image.mode in _GREY)


def _orientation(image: Any) -> int | None:
    """What EXIF says of it. A PNG that has not been loaded would decode all of it to look for
    EXIF."""
    if image.format == "PNG" and not image.info.keys() & _TOLD_IN:
        return None
    told: int | None = image.getexif().get(_ORIENTATION)
    return told


def _stored_size(image: Any) -> tuple[int, int]:
    """Height and width before the image is turned. Some versions of Pillow turn the size of a TIFF
    when they open it."""
    if image.format == "TIFF":
        return image.tag_v2[_HEIGHT], image.tag_v2[_WIDTH]
    return image.height, image.width


def decode(ref: EncodedImage, channels: int, size: tuple[int, int] | None) -> Array:
    """Decodes an image to uint8 ``[channels, height, width]`` with 1 or 3 channels, turned as EXIF
    says. Takes the first picture of an animation. Stretches it to ``size`` (height, width),
    bilinear with antialiasing.

    16 bits become 8. Transparent pixels are put on white. Raises ``DatasetUnavailable``.
    """
    from PIL import Image, ImageOps

    with _opened(ref) as image:
        if image.mode == "F":
            raise DatasetUnavailable(
                f"{ref.place} has floating-point pixels, of which nobody says what is white: save "
                "it with 8 or 16 bits"
            )
        image.load()
        turned = image if _orientation(image) is None else ImageOps.exif_transpose(image)
        plain = _without_alpha(_of_8_bits(turned))
        if plain.mode != (mode := "L" if channels == 1 else "RGB"):
            plain = plain.convert(mode)
        if size is not None and size != (plain.height, plain.width):
            plain = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        pixels = np.asarray(plain)
    shaped: Array = pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
    return shaped


@contextmanager
def _opened(ref: EncodedImage) -> Iterator[Image.Image]:
    """Turns every error into ``DatasetUnavailable``, because decoders may raise anything."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings(), ref.opened() as file:
            warnings.simplefilter("ignore")  # of odd metadata, and of sizes below our limit
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise _too_large(ref, f"{image.width:,} × {image.height:,} pixels")
                yield image
    except Image.DecompressionBombError as error:
        raise _too_large(ref, error_text(error)) from error
    except DatasetUnavailable:
        raise
    except Exception as error:
        is_foreign = isinstance(error, UnidentifiedImageError)  # its text names an object of Python
        why = "its bytes are of no format that is known" if is_foreign else error_text(error)[:200]
        finding = f"can't be decoded as an image ({why})"
        raise DatasetUnavailable(f"{ref.place} {finding}: {REMEDY}") from error


def _too_large(ref: EncodedImage, finding: str) -> DatasetUnavailable:
    return DatasetUnavailable(
        f"{ref.place} claims {finding}, but the limit is {MAX_PIXELS:,}: make it smaller, or "
        "delete it"
    )


def _of_8_bits(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode not in _DEEP:
        return image
    deep = np.asarray(image).astype(np.int64).clip(0, 2**16 - 1)
    return Image.fromarray((deep // 257).astype(np.uint8))


def _without_alpha(image: Image.Image) -> Image.Image:
    from PIL import Image

    is_see_through = image.mode in _SEE_THROUGH or "transparency" in image.info
    if not is_see_through:
        return image
    layered = image.convert("RGBA")
    below = Image.new("RGBA", layered.size, (_WHITE, _WHITE, _WHITE, _WHITE))
    return Image.alpha_composite(below, layered)
