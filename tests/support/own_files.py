"""Files of one's own, as a user might have them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (6, 8)
"""Height and width."""


def picture(seed: int, mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Of random pixels."""
    channels = {"RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}.get(mode, 1)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*size, channels), dtype=np.uint8)
    if channels == 1:
        return Image.fromarray(pixels[..., 0]).convert(mode)
    return Image.frombytes(mode, (size[1], size[0]), pixels.tobytes())


def write_folder(
    root: Path, classes: dict[str, int], mode: str = "RGB", suffix: str = ".png"
) -> None:
    """So many images of each class, in a folder of its name."""
    seed = 0
    for name, count in classes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            picture(seed, mode).save(root / name / f"{i:03}{suffix}")
            seed += 1


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    """Plain files by their names."""
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    """As in a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()
