from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.core.errors import CallerError, DatasetUnavailable, InvalidRequest
from actors.core.sources.readers import array_reading
from actors.core.sources.registry import facts_of_source
from actors.core.sources.samples import Samples
from actors.core.sources.source_facts import SourceFacts
from tests.support.sources import read, source_of

IMAGES = np.arange(10 * 4 * 4, dtype=np.uint8).reshape(10, 4, 4)
ROWS = np.random.default_rng(0).normal(3.0, 2.0, (10, 5))
CLASSES = np.arange(10) % 2


def read_npz(folder: Path, arrays: dict[str, Any], **config: Any) -> Samples:
    np.savez(folder / "a.npz", **arrays)
    return read("npz", folder, path="a.npz", **config)


def facts(samples: Samples, **config: Any) -> SourceFacts:
    return facts_of_source(source_of("npz", path="a.npz", **config), samples.found)


def test_bytes_of_three_dimensions_are_grey_images(tmp_path: Path) -> None:
    samples = read_npz(tmp_path, {"x": IMAGES, "y": CLASSES})
    assert samples.train.inputs.shape == (8, 1, 4, 4) and samples.train.inputs.dtype == np.uint8
    own = facts(samples)
    assert own.inputs.shape == (1, 4, 4) and own.num_classes == 2 and own.input_form.is_pixels
    assert own.views.inputs.scaling is not None and own.views.inputs.scaling.unit == 255.0


def test_images_in_arrays_are_transformed_and_other_samples_are_not(tmp_path: Path) -> None:
    transform = [{"type": "CenterCrop", "size": 2}]
    samples = read_npz(tmp_path, {"x": IMAGES, "y": CLASSES})
    assert facts(samples, transform=transform).inputs.shape == (1, 2, 2)
    with pytest.raises(InvalidRequest, match=r"dataset_config\.transform is for images"):
        facts(samples, transform=transform, normalize=False)
    rows = read_npz(tmp_path, {"x": ROWS, "y": CLASSES})
    with pytest.raises(InvalidRequest, match=r"dataset_config\.transform is for images"):
        facts(rows, transform=transform)


def test_rows_are_standardised_by_the_training_rows(tmp_path: Path) -> None:
    samples = read_npz(tmp_path, {"x": ROWS, "y": CLASSES})
    scaling = facts(samples).views.inputs.scaling
    assert scaling is not None and scaling.unit == 1.0
    assert scaling.mean == pytest.approx(samples.train.inputs.mean(axis=0), rel=1e-6)
    assert facts(samples, normalize=False).views.inputs.scaling is None


def test_floats_are_numbers_to_tell(tmp_path: Path) -> None:
    for targets in (CLASSES / 2, (CLASSES / 2)[:, None]):
        samples = read_npz(tmp_path, {"x": ROWS, "y": targets})
        assert samples.train.targets.shape == (8, 1)
        assert facts(samples).task == "regression" and facts(samples).targets.shape == (1,)


def test_arrays_are_named_and_those_for_validation_taken(tmp_path: Path) -> None:
    arrays = {"a": ROWS, "b": CLASSES, "c": ROWS[:3], "d": CLASSES[:3]}
    named = {"inputs": "a", "target": "b", "val_inputs": "c", "val_target": "d"}
    samples = read_npz(tmp_path, arrays, **named)
    assert (samples.found.num_train, samples.found.num_val) == (10, 3)
    assert (samples.val.inputs == ROWS[:3].astype(np.float32)).all()


def test_npy_has_an_array_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.asfortranarray(ROWS))
    np.save(tmp_path / "y.npy", CLASSES)
    samples = read("npy", tmp_path, path="x.npy", target="y.npy")
    rows = np.concatenate([samples.train.inputs, samples.val.inputs])
    assert sorted(map(tuple, rows)) == sorted(map(tuple, ROWS.astype(np.float32)))


@pytest.mark.parametrize(
    ("arrays", "config", "kind", "named"),
    [
        ({"x": ROWS}, {}, InvalidRequest, "target is 'y', but"),
        ({"x": ROWS, "y": CLASSES[:4]}, {}, DatasetUnavailable, "10 samples, but"),
        ({"x": ROWS, "y": CLASSES - 1}, {}, DatasetUnavailable, "from -1 to 0"),
        ({"x": ROWS, "y": CLASSES + 10**6}, {}, DatasetUnavailable, "classes are 0 to at most"),
        ({"x": CLASSES, "y": CLASSES}, {}, DatasetUnavailable, "a dimension for the samples"),
        ({"x": ROWS, "y": ROWS}, {}, DatasetUnavailable, "one number a sample"),
        ({"x": ROWS.astype(str), "y": CLASSES}, {}, DatasetUnavailable, "array of <U"),
        ({"x": ROWS.astype(object), "y": CLASSES}, {}, DatasetUnavailable, "objects of Python"),
        ({"x": ROWS, "y": CLASSES}, {"val_inputs": "x"}, InvalidRequest, "only one of val_inputs"),
        (
            {"x": ROWS, "y": CLASSES, "c": IMAGES},
            {"val_inputs": "c", "val_target": "y"},
            DatasetUnavailable,
            "samples of uint8 [1, 4, 4]",
        ),
        (
            {"x": ROWS, "y": CLASSES, "c": ROWS[:, :4]},
            {"val_inputs": "c", "val_target": "y"},
            DatasetUnavailable,
            "[4]",
        ),
        (
            {"x": ROWS, "y": CLASSES, "d": CLASSES + 1},
            {"val_inputs": "x", "val_target": "d"},
            DatasetUnavailable,
            "label 2",
        ),
        ({"x": np.where(ROWS > 4, np.nan, ROWS), "y": CLASSES}, {}, DatasetUnavailable, "nan"),
        ({"x": ROWS[:, :0], "y": CLASSES}, {}, DatasetUnavailable, "[10, 0]"),
        (
            {"x": ROWS, "y": CLASSES},
            {"val_inputs": "x", "val_target": "y", "validation_split": 0.5},
            InvalidRequest,
            "validation_split is 0.5",
        ),
        (
            {"x": ROWS, "y": CLASSES, "d": CLASSES / 2},
            {"val_inputs": "x", "val_target": "d"},
            DatasetUnavailable,
            "a.npz, d has samples of float32 [1]",
        ),
        (
            {"x": ROWS, "y": CLASSES, "d": CLASSES - 1},
            {"val_inputs": "x", "val_target": "d"},
            DatasetUnavailable,
            "a.npz, d has whole numbers from -1",
        ),
    ],
    ids=range(17),
)
def test_what_does_not_fit_is_refused_with_its_place(
    tmp_path: Path,
    arrays: dict[str, np.ndarray],
    config: dict[str, Any],
    kind: type[CallerError],
    named: str,
) -> None:
    with pytest.raises(kind) as caught:
        read_npz(tmp_path, arrays, **config)
    assert type(caught.value) is kind and named in caught.value.message


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=ROWS, y=CLASSES)
    for harm in (path.read_bytes()[:300], b"", b"<html>"):
        path.write_bytes(harm)
        with pytest.raises(DatasetUnavailable, match=r"a\.npz can't be read as numpy's arrays"):
            read("npz", tmp_path, path="a.npz")


def test_an_array_that_ends_early_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ROWS)
    np.save(tmp_path / "y.npy", CLASSES)
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole[:-8])
    with pytest.raises(DatasetUnavailable, match=r"x\.npy .*ends after 392 of 400 bytes"):
        read("npy", tmp_path, path="x.npy", target="y.npy")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 2)}
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w") as archive,
        archive.open("x.npy", "w") as file,
    ):
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(DatasetUnavailable, match=r"2,199,023,255,552 bytes, but the limit is"):
        read("npz", tmp_path, path="a.npz")
    assert array_reading.MAX_BYTES == 2**33


def test_no_header_makes_more_be_read_than_it_claims(tmp_path: Path) -> None:
    for shape in ((-1, 2), (-2, -4), (2, -1)):
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        with (tmp_path / "x.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.write(b"\0" * 1000)
        with pytest.raises(DatasetUnavailable, match=re.escape(f"its shape is {list(shape)}")):
            read("npy", tmp_path, path="x.npy", target="x.npy")


def test_what_can_not_be_decompressed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=ROWS, y=CLASSES)
    content = bytearray(path.read_bytes())
    name_bytes, more_bytes = struct.unpack("<HH", content[26:30])
    begin = 30 + name_bytes + more_bytes
    content[begin : begin + 8] = b"\xff" * 8  # no block of deflate begins so
    path.write_bytes(content)
    with pytest.raises(DatasetUnavailable, match=r"a\.npz.* can't be read as numpy's arrays"):
        read("npz", tmp_path, path="a.npz")


@pytest.mark.parametrize("row", range(10))
def test_a_wrong_number_is_told_with_its_row_in_the_array(tmp_path: Path, row: int) -> None:
    rows = ROWS.copy()
    rows[row, 3] = np.nan
    with pytest.raises(
        DatasetUnavailable, match=rf"a\.npz, x has nan for row {row + 1} .*column 3"
    ):
        read_npz(tmp_path, {"x": rows, "y": CLASSES})
    given = {"val_inputs": "v", "val_target": "y"}
    with pytest.raises(DatasetUnavailable, match=rf"a\.npz, v has nan for row {row + 1} "):
        read_npz(tmp_path, {"x": ROWS, "y": CLASSES, "v": rows}, **given)


def test_a_class_is_counted_though_all_its_samples_are_for_validation(tmp_path: Path) -> None:
    classes = np.array([0] * 9 + [1])
    samples = read_npz(tmp_path, {"x": ROWS, "y": classes}, validation_split=0.8)
    assert 1 in samples.val.targets and 1 not in samples.train.targets
    assert samples.found.num_classes == 2


def test_a_network_is_not_trained_to_tell_one_class(tmp_path: Path) -> None:
    samples = read_npz(tmp_path, {"x": ROWS, "y": np.zeros(10, np.int64)})
    with pytest.raises(InvalidRequest, match="only the class 0"):
        facts(samples)
