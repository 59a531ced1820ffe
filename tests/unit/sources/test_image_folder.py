from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from actors.core.errors import CallerError, DatasetUnavailable, InvalidRequest
from actors.core.rows import image_decoding
from actors.core.sources import registry
from actors.core.sources.kinds import image_folder
from actors.core.sources.readers import file_tree
from actors.core.sources.registry import facts_of_source
from actors.core.sources.samples import Samples
from tests.support.own_files import SIZE, picture, write_folder
from tests.support.sources import read, source_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "pets" / "train", {"dog": 4, "cat": 6})
    write_folder(tmp_path / "pets" / "val", {"cat": 2, "dog": 1})
    return tmp_path


def read_folder(folder: Path, path: str = "pets", **config: Any) -> Samples:
    return read("image_folder", folder, path=path, **config)


def refused(folder: Path, kind: type[CallerError], *named: str, **config: Any) -> None:
    with pytest.raises(kind) as caught:
        read_folder(folder, **config)
    assert type(caught.value) is kind
    for word in named:
        assert word in caught.value.message, caught.value.message


def test_classes_are_the_folders_in_the_order_of_their_names(folder: Path) -> None:
    samples = read_folder(folder)
    assert samples.found.class_names == ("cat", "dog")
    assert samples.train.targets.tolist() == [0] * 6 + [1] * 4
    assert samples.val.targets.tolist() == [0, 0, 1]
    assert samples.train.inputs.shape == (10, 3, *SIZE) and samples.train.inputs.dtype == np.uint8
    with Image.open(folder / "pets/train/dog/002.png") as image:
        assert (samples.train.inputs[8] == np.asarray(image).transpose(2, 0, 1)).all()


def test_facts_are_those_of_images_scaled_by_the_training_images(folder: Path) -> None:
    samples = read_folder(folder)
    source = source_of("image_folder", path="pets")
    facts = facts_of_source(source, samples.found)
    assert facts.inputs.shape == (3, *SIZE) and facts.task == "classification"
    assert facts.class_names == ("cat", "dog") and facts.num_classes == 2
    scaled = facts.views.inputs.prepare(torch.from_numpy(samples.train.inputs))
    assert torch.allclose(scaled.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(scaled.std(dim=(0, 2, 3), correction=0), torch.ones(3), atol=1e-5)


def test_of_one_tree_each_class_gives_its_share_to_validation(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {"cat": 20, "dog": 10, "eel": 1})
    one, again = read_folder(tmp_path), read_folder(tmp_path)
    assert np.bincount(one.val.targets).tolist() == [4, 2]
    assert np.bincount(one.train.targets).tolist() == [16, 8, 1]
    assert one.fingerprint == again.fingerprint
    other = read_folder(tmp_path, seed=1)
    assert np.bincount(other.val.targets).tolist() == [4, 2]
    assert other.fingerprint != one.fingerprint
    half = read_folder(tmp_path, validation_split=0.5)
    assert len(half.val.targets) == 16


def test_a_train_folder_alone_gives_its_share(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets" / "train", {"cat": 5, "dog": 5})
    assert read_folder(tmp_path).found.num_val == 2


def test_grey_images_have_one_channel_unless_asked_otherwise(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {"cat": 5, "dog": 5}, mode="L")
    assert read_folder(tmp_path).found.shape == (1, *SIZE)
    assert read_folder(tmp_path, channels=3).found.shape == (3, *SIZE)
    picture(0).save(tmp_path / "pets" / "cat" / "colour.png")
    assert read_folder(tmp_path).found.shape == (3, *SIZE)
    assert read_folder(tmp_path, channels=1).found.shape == (1, *SIZE)


def test_images_are_stretched_to_the_size_asked_for(folder: Path) -> None:
    assert read_folder(folder, resize=[4, 5]).found.shape == (3, 4, 5)


@pytest.mark.parametrize("suffix", sorted(image_decoding.SUFFIXES))
def test_every_common_format_is_read(tmp_path: Path, suffix: str) -> None:
    write_folder(tmp_path / "pets", {"cat": 3, "dog": 3}, suffix=suffix)
    assert read_folder(tmp_path).train.inputs.shape[1:] == (3, *SIZE)


def _first_row(folder: Path, **config: Any) -> np.ndarray:
    samples = read_folder(folder, **config)
    row: np.ndarray = samples.train.inputs[0]
    return row


def _one_image(folder: Path, image: Image.Image, name: str = "a.png", **options: Any) -> Path:
    """The first of the training images."""
    write_folder(folder / "pets" / "train", {"cat": 0, "dog": 1})
    write_folder(folder / "pets" / "val", {"cat": 1})
    path = folder / "pets" / "train" / "cat" / name
    image.save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_way_to_have_pixels_is_converted(tmp_path: Path, mode: str, channels: int) -> None:
    deep = np.full(SIZE, 40_000, np.uint16)
    image = (
        Image.fromarray(deep if mode == "I;16" else deep.astype(np.int32))
        if mode in ("I;16", "I")
        else picture(3, "RGB" if mode == "P" else mode).convert(mode)
    )
    _one_image(tmp_path, image, "a.tif" if mode in ("CMYK", "I") else "a.png")
    row = _first_row(tmp_path, channels=channels)
    assert row.shape == (channels, *SIZE)
    if mode in ("I;16", "I"):
        assert (row == 40_000 // 257).all()


def test_an_image_of_floats_is_refused_for_nobody_knows_what_white_is(tmp_path: Path) -> None:
    _one_image(tmp_path, Image.fromarray(np.ones(SIZE, np.float32)), "a.tif")
    refused(tmp_path, DatasetUnavailable, "cat/a.tif", "floating-point", "8 or 16 bits")


def test_what_can_be_seen_through_lies_on_white(tmp_path: Path) -> None:
    _one_image(tmp_path, Image.new("RGBA", (SIZE[1], SIZE[0]), (200, 0, 0, 0)))
    assert (_first_row(tmp_path) == 255).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path, suffix: str) -> None:
    lying = Image.new("RGB", (SIZE[0], SIZE[1]))
    lying.paste((255, 255, 255), (0, 0, SIZE[0], 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    _one_image(tmp_path, lying, f"a{suffix}", exif=exif, quality=100)
    row = _first_row(tmp_path)
    assert row.shape == (3, *SIZE)
    assert row[:, :, -1].min() > 200 and row[:, :, 0].max() < 50


@pytest.mark.parametrize("suffix", [".gif", ".png", ".tif", ".webp"])
def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("L", (SIZE[1], SIZE[0]), level) for level in (10, 200)]
    more = {"save_all": True, "append_images": frames[1:]}
    _one_image(tmp_path, frames[0], f"a{suffix}", **more)
    assert (abs(_first_row(tmp_path, channels=1).astype(int) - 10) <= 2).all()


def test_what_lies_beside_the_images_is_told_and_skipped(folder: Path) -> None:
    (folder / "pets/train/cat/.DS_Store").write_bytes(b"x")
    (folder / "pets/train/cat/notes.txt").write_text("x")
    (folder / "pets/train/readme.md").write_text("x")
    samples = read_folder(folder)
    assert samples.found.num_train == 10
    assert {Path(one.place).name for one in samples.skipped} == {
        ".DS_Store",
        "notes.txt",
        "readme.md",
    }
    assert all(one.reason for one in samples.skipped)


def _nothing(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


def _no_training(root: Path) -> None:
    _nothing(root / "train")


def _empty(root: Path) -> None:
    for path in (root / "train").rglob("*.png"):
        path.unlink()


def _no_classes(root: Path) -> None:
    for path in list((root / "train").rglob("*.png")):
        path.rename(root / "train" / f"{path.parent.name}{path.name}")
    for own in ("cat", "dog"):
        (root / "train" / own).rmdir()


def _one_class(root: Path) -> None:
    (root / "train" / "cat").rename(root.parent / "cat")


def _unseen(root: Path) -> None:
    write_folder(root / "val", {"eel": 1})


def _cut(root: Path) -> None:
    path = root / "train" / "cat" / "001.png"
    path.write_bytes(path.read_bytes()[:90])


def _no_image(root: Path) -> None:
    (root / "train" / "cat" / "001.png").write_text("<html>not found</html>")


def _pixels_unlike(root: Path) -> None:
    picture(0, size=(5, 5)).save(root / "train" / "dog" / "001.png")


def _link_out(root: Path) -> None:
    (root / "train" / "dog" / "a.png").symlink_to("/etc/passwd")


def _folder_out(root: Path) -> None:
    (root / "train" / "etc").symlink_to("/etc")


def _circle(root: Path) -> None:
    (root / "train" / "dog" / "again").symlink_to(root / "train")


@pytest.mark.parametrize(
    ("harm", "kind", "named"),
    [
        (_nothing, DatasetUnavailable, ("pets has 0 files and no folders",)),
        (_no_training, DatasetUnavailable, ("pets/train has 0 files and no folders",)),
        (_empty, DatasetUnavailable, ("train/cat has no images",)),
        (_no_classes, DatasetUnavailable, ("10 files and no folders",)),
        (_one_class, DatasetUnavailable, ("only the class 'dog'",)),
        (_unseen, DatasetUnavailable, ("val/eel/000.png", "'eel'", "no image of it")),
        (_cut, DatasetUnavailable, ("train/cat/001.png", "can't be decoded", "replace it")),
        (_no_image, DatasetUnavailable, ("train/cat/001.png", "can't be decoded")),
        (_pixels_unlike, InvalidRequest, ("resize", "dog/001.png has 5 × 5", "6 × 8")),
        (_link_out, InvalidRequest, ("dog/a.png is a link that leads out", "data_roots")),
        (_folder_out, InvalidRequest, ("train/etc is a link that leads out",)),
        (_circle, InvalidRequest, ("folders deep",)),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(
    folder: Path, harm: Callable[[Path], None], kind: type[CallerError], named: tuple[str, ...]
) -> None:
    harm(folder / "pets")
    refused(folder, kind, *named)


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8_001, 20_000, 2**31 - 1])
def test_a_bomb_is_refused_before_it_is_decoded(folder: Path, side: int) -> None:
    (folder / "pets/train/cat/001.png").write_bytes(_png_that_claims(side, side))
    refused(folder, DatasetUnavailable, "cat/001.png", "64,000,000")
    refused(folder, DatasetUnavailable, "cat/001.png", resize=[2, 2], channels=1)


def test_more_files_than_the_limit_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_tree, "MAX_FILES", 5)
    refused(folder, InvalidRequest, "more than 5 files")


def test_a_split_beside_a_folder_for_validation_is_refused(folder: Path) -> None:
    refused(folder, InvalidRequest, "validation_split is 0.5", "val", validation_split=0.5)


def test_a_share_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    refused(tmp_path, InvalidRequest, "validation_split is 0.01", validation_split=0.01)
    refused(tmp_path, InvalidRequest, "validation_split is 0.99", validation_split=0.99)


@pytest.mark.parametrize("path", ["gone", "pets/train/cat/001.png", "/etc", "..", "pets/../.."])
def test_what_is_no_allowed_folder_is_refused(folder: Path, path: str) -> None:
    refused(folder, InvalidRequest, "dataset_config.path is", path=path)


def test_a_file_that_changes_amid_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = folder / "pets/train/cat/000.png"
    kind = registry.SOURCES["image_folder"]

    def read_and_change(*given: Any) -> Samples:
        samples = image_folder._read(*given)
        os.utime(changed, ns=(1, 1))
        return samples

    monkeypatch.setitem(registry.SOURCES, "image_folder", replace(kind, read=read_and_change))
    refused(folder, DatasetUnavailable, "cat/000.png changed while it was read")


def test_other_images_change_the_fingerprint_and_the_signature(folder: Path) -> None:
    before = read_folder(folder).fingerprint
    picture(99).save(folder / "pets/train/cat/001.png")
    assert read_folder(folder).fingerprint != before


def test_a_png_is_turned_as_its_notes_say(tmp_path: Path) -> None:
    lying = Image.new("RGB", (SIZE[0], SIZE[1]))
    lying.paste((255, 255, 255), (0, 0, SIZE[0], 1))
    notes = PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    _one_image(tmp_path, lying, pnginfo=notes)
    row = _first_row(tmp_path)
    assert row.shape == (3, *SIZE)
    assert (row[:, :, -1] == 255).all() and (row[:, :, :-1] == 0).all()


def test_what_lies_beside_train_and_val_is_told(folder: Path) -> None:
    write_folder(folder / "pets" / "notes", {"cat": 2, "dog": 1})
    (folder / "pets/readme.md").write_text("x")
    samples = read_folder(folder)
    assert (samples.found.num_train, samples.found.num_val) == (10, 3)
    assert {Path(one.place).name for one in samples.skipped} == {"notes", "readme.md"}
