from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.sources.samples import Samples
from tests.support.own_files import SIZE, encoded, picture, write_tar
from tests.support.sources import read


def members(count: int, first: int = 0) -> dict[str, bytes]:
    found = {}
    for i in range(first, first + count):
        found[f"{i:04}.png"] = encoded(picture(i))
        found[f"{i:04}.cls"] = b"dog\n" if i % 2 else b"cat"
    return found


def read_tars(folder: Path, path: str = "pets.tar", **config: Any) -> Samples:
    return read("webdataset", folder, path=path, **config)


def test_a_tar_is_read_without_being_unpacked(tmp_path: Path) -> None:
    write_tar(tmp_path / "pets.tar", members(10))
    samples = read_tars(tmp_path)
    assert samples.found.class_names == ("cat", "dog")
    assert (samples.found.num_train, samples.found.num_val) == (8, 2)
    images = {image.tobytes() for image in (*samples.train.inputs, *samples.val.inputs)}
    assert images == {np.asarray(picture(i)).transpose(2, 0, 1).tobytes() for i in range(10)}
    assert samples.found.shape == (3, *SIZE)
    assert [p.name for p in tmp_path.iterdir()] == ["pets.tar"]


def test_tars_for_validation_are_told_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    for name, first, count in (("train-0", 0, 4), ("train-1", 4, 4), ("val-0", 8, 2)):
        write_tar(tmp_path / "pets" / f"{name}.tar", members(count, first))
    samples = read_tars(tmp_path, "pets")
    assert samples.train.targets.tolist() == [0, 1] * 4 and samples.val.targets.tolist() == [0, 1]


def test_names_that_lead_out_and_links_lead_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "pets.tar"
    outside = {f"../../{name}": content for name, content in members(6).items()}
    write_tar(path, outside)
    with tarfile.open(path, "a") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"9{kind.decode()}.png")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        info = tarfile.TarInfo("notes.txt")
        tar.addfile(info, io.BytesIO())
    samples = read_tars(tmp_path)
    assert samples.found.num_train + samples.found.num_val == 6
    assert [one.reason for one in samples.skipped].count("is no regular file") == 4
    assert len(samples.skipped) == 5


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"1.png": b"x"}, "no .cls with its class"),
        ({"1.cls": b"cat"}, "no image"),
        ({**members(4), "9.png": b"<html>", "9.cls": b"cat"}, "9.png can't be decoded"),
        ({**members(4), "9.png": encoded(picture(9)), "9.cls": b" "}, "9.cls is empty"),
        ({**members(4), "9.png": encoded(picture(9)), "9.cls": b"x" * 2000}, "2,000 bytes"),
        ({}, "no images"),
        ({"notes.txt": b""}, "no images"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_is_wrong_is_refused_with_its_place(
    tmp_path: Path, content: dict[str, bytes], named: str
) -> None:
    write_tar(tmp_path / "pets.tar", content)
    with pytest.raises(DatasetUnavailable) as caught:
        read_tars(tmp_path)
    assert named in caught.value.message and "pets.tar" in caught.value.message


@pytest.mark.parametrize("harm", ["cut", "compressed", "none"])
def test_what_is_no_whole_tar_is_refused(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "pets.tar"
    write_tar(path, {"1.cls": b"cat", "1.png": b"\0" * 20_000})
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:5_000])
    elif harm == "compressed":
        with tarfile.open(path, "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("1.cls"), io.BytesIO())
    else:
        path.write_text("<html>" * 1000)
    with pytest.raises(DatasetUnavailable, match=r"pets\.tar can't be read as a tar"):
        read_tars(tmp_path)


def test_a_folder_without_tars_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    with pytest.raises(DatasetUnavailable, match=r"no file whose name ends in \.tar"):
        read_tars(tmp_path, "pets")
    with pytest.raises(InvalidRequest, match=r"dataset_config\.path is"):
        read_tars(tmp_path, "gone.tar")


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = tmp_path / "pets.tar"
    write_tar(path, members(10))
    content = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        begin = tar.getmember("0006.png").offset
    content[begin] ^= 1  # its checksum is wrong now
    path.write_bytes(content)
    with pytest.raises(DatasetUnavailable, match=r"pets\.tar can't be read as a tar"):
        read_tars(tmp_path)


@pytest.mark.parametrize("name", ["0003.jpg", "0003.png", "0003.cls"])
def test_no_part_of_a_sample_takes_the_place_of_another(tmp_path: Path, name: str) -> None:
    path = tmp_path / "pets.tar"
    write_tar(path, members(10))
    with tarfile.open(path, "a") as tar:
        content = b"cat" if name.endswith("cls") else encoded(picture(3))
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    with pytest.raises(DatasetUnavailable, match=f"{name} is the second"):
        read_tars(tmp_path)


def test_files_beside_the_tars_are_told(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    write_tar(tmp_path / "pets/1.tar", members(10))
    (tmp_path / "pets/2.tar.gz").write_bytes(b"x")
    samples = read_tars(tmp_path, "pets")
    assert [Path(one.place).name for one in samples.skipped] == ["2.tar.gz"]


def test_a_class_that_is_only_in_validation_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    write_tar(tmp_path / "pets/train.tar", members(4))
    eel = {"9.png": encoded(picture(9)), "9.cls": b"eel"}
    write_tar(tmp_path / "pets/val.tar", {**members(2), **eel})
    with pytest.raises(DatasetUnavailable, match=r"val\.tar, 9\.png is of the class 'eel'"):
        read_tars(tmp_path, "pets")
