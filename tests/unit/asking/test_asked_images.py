"""Image files of a request become the pixels that the same files of a data set became."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from actors.core.asking.asked_images import AskedImages
from actors.core.errors import InvalidRequest
from actors.core.input_form import InputForm
from actors.core.rows.image_decoding import ImageBytes
from tests.support.own_files import encoded, picture, write_folder
from tests.support.sources import read


def asked(*contents: bytes) -> AskedImages:
    return AskedImages(
        tuple(ImageBytes(f"image[{i}] (a.png)", own) for i, own in enumerate(contents))
    )


@pytest.mark.parametrize("resize", [None, [4, 5]])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_pixels_are_those_of_the_source(
    tmp_path: Path, channels: int, resize: list[int] | None
) -> None:
    write_folder(tmp_path / "pets", {"cat": 4, "dog": 4})
    samples = read("image_folder", tmp_path, path="pets", channels=channels, resize=resize)
    files = [Path(place).read_bytes() for place in samples.train.places]
    form = InputForm(samples.train.inputs.shape[1:], is_pixels=True)
    rows = asked(*files).rows(form, 0)
    assert (rows == samples.train.inputs.reshape(len(files), -1)).all()


@pytest.mark.parametrize("mode", ["CMYK", "LA", "RGBA", "L"])
def test_whatever_way_an_image_has_its_pixels(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    form = InputForm((3, 6, 8), is_pixels=True)
    assert asked(encoded(picture(1, mode), kind)).rows(form, 0).shape == (1, 3 * 6 * 8)


def test_what_is_no_image_is_refused_by_its_place() -> None:
    form = InputForm((1, 6, 8), is_pixels=True)
    whole = encoded(picture(1))
    for wrong in (b"", b"no image", whole[: len(whole) // 2]):
        with pytest.raises(InvalidRequest, match=r"^image\[1\] \(a\.png\)") as caught:
            asked(whole, wrong).rows(form, 0)
        assert " at 0x" not in caught.value.message, "an object of Python's"


def test_formats_that_run_other_programs_are_not_decoded() -> None:
    """Pillow hands EPS to Ghostscript."""
    buffer = BytesIO()
    picture(1).save(buffer, "EPS")
    with pytest.raises(InvalidRequest, match="of no format that is known"):
        asked(buffer.getvalue()).rows(InputForm((3, 6, 8), is_pixels=True), 0)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    buffer = BytesIO()
    Image.new("1", (9_000, 9_000)).save(buffer, "PNG")
    with pytest.raises(InvalidRequest, match=r"9,000 × 9,000 pixels.*64,000,000"):
        asked(buffer.getvalue()).rows(InputForm((1, 6, 8), is_pixels=True), 0)
