"""Every data set of images, read from small files in its own form."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.sources import download
from actors.core.sources.registry import facts_of_source, parse_source, source_files
from actors.core.sources.samples import Samples
from tests.support.image_files import NUM_TRAIN, NUM_VAL, WRITTEN, write_set
from tests.support.sources import folders, read

NAMES = list(WRITTEN)


@pytest.fixture(autouse=True)
def no_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(root: str, download: bool, **_: Any) -> None:
        raise RuntimeError("no route to host")

    names = {own.config["name"] for own in WRITTEN.values()}
    served = SimpleNamespace(**dict.fromkeys(names, fail))
    monkeypatch.setattr(download, "import_torchvision", lambda module: served)


def read_set(name: str, folder: Path, **config: Any) -> Samples:
    return read(**{"folder": folder, **WRITTEN[name].config, **config})


def files_of(name: str, folder: Path) -> tuple[Path, ...]:
    return source_files(parse_source(WRITTEN[name].config), folders(folder))


@pytest.mark.parametrize("name", NAMES)
def test_images_and_labels_come_as_they_were_written(name: str, tmp_path: Path) -> None:
    written = write_set(name, tmp_path)
    samples, tolerance = read_set(name, tmp_path), 1 if name == "USPS" else 0
    for split, own in zip((samples.train, samples.val), written, strict=True):
        assert split.inputs.dtype == np.uint8 and split.inputs.shape == own.images.shape
        differences = np.abs(split.inputs.astype(int) - own.images.astype(int))
        assert differences.max() <= tolerance
        assert split.targets.dtype == np.int64
        assert split.targets.tolist() == own.labels.tolist()
    assert (samples.found.num_train, samples.found.num_val) == (NUM_TRAIN, NUM_VAL)
    assert samples.found.num_classes == WRITTEN[name].num_classes


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_given_normalised_channels(name: str, tmp_path: Path) -> None:
    write_set(name, tmp_path)
    samples, own = read_set(name, tmp_path, resize=[12, 10]), WRITTEN[name]
    facts = facts_of_source(parse_source({**own.config, "resize": [12, 10]}), samples.found)
    assert facts.inputs.shape == (own.shape[0], 12, 10) and facts.task == "classification"
    view = facts.views.inputs
    prepared = view.prepare(view.gather(torch.from_numpy(samples.train.inputs), slice(0, 4)))
    assert prepared.shape == (4, own.shape[0], 12, 10) and prepared.dtype is torch.float32
    assert view.scaling is not None
    assert len(view.scaling.mean) == len(view.scaling.std) == own.shape[0]


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_missing_and_can_not_be_had_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetUnavailable, match="no route to host") as raised:
        read_set(name, tmp_path)
    own = WRITTEN[name].config["name"]
    assert raised.value.message.startswith(f"{own} is not in {tmp_path}")
    assert f"files of {own} there" in raised.value.message
    write_set(name, tmp_path)
    gone = files_of(name, tmp_path)[-1]
    gone.unlink()
    with pytest.raises(DatasetUnavailable, match="no route to host") as raised:
        read_set(name, tmp_path)
    assert gone.name in raised.value.message


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_in_the_place_of_a_file_is_named(name: str, tmp_path: Path) -> None:
    write_set(name, tmp_path)
    for file in files_of(name, tmp_path):
        own = file.read_bytes()
        for wrong in (b"", b"<html>Log in</html>", own[: len(own) // 2 + 1], bytes(40), own[3:]):
            file.write_bytes(wrong)
            with pytest.raises(DatasetUnavailable) as raised:
                read_set(name, tmp_path)
            assert str(file) in raised.value.message and "delete" in raised.value.message
        file.unlink()
        file.mkdir()
        with pytest.raises(DatasetUnavailable, match="is a folder"):
            read_set(name, tmp_path)
        file.rmdir()
        file.write_bytes(own)
    read_set(name, tmp_path)


def test_a_label_that_is_no_class_is_named(tmp_path: Path) -> None:
    write_set("STL10", tmp_path)
    labels = files_of("STL10", tmp_path)[1]
    labels.write_bytes(labels.read_bytes()[:-1] + b"\0")
    with pytest.raises(DatasetUnavailable, match=r"train_y.bin has label -1 for sample 19"):
        read_set("STL10", tmp_path)
    write_set("EMNIST letters", tmp_path)
    labels = files_of("EMNIST letters", tmp_path)[1]
    labels.write_bytes(labels.read_bytes()[:-1] + bytes([27]))
    with pytest.raises(DatasetUnavailable, match=r"label 26 for sample 19 .*classes 0 to 25"):
        read_set("EMNIST letters", tmp_path)


class _Calls:
    """Whoever unpickles it without care makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def test_a_pickle_that_would_call_anything_is_refused(tmp_path: Path) -> None:
    write_set("CIFAR100", tmp_path)
    file, trace = files_of("CIFAR100", tmp_path)[0], tmp_path / "trace"
    content = {"data": np.zeros((2, 3072), np.uint8), "fine_labels": [0, 1]}
    for call in (_Calls(trace), np.random.default_rng(0), np.array([_Calls(trace)], object)):
        file.write_bytes(pickle.dumps({**content, "meta": call}, protocol=2))
        with pytest.raises(DatasetUnavailable, match=r"UnpicklingError: it would call"):
            read_set("CIFAR100", tmp_path)
    assert not trace.exists()


def test_the_split_of_emnist_is_one_of_its_six() -> None:
    for wrong in ("all", 1, None, ["balanced"]):
        given = {"name": "EMNIST", "split": wrong}
        if wrong is None:
            assert parse_source(given).keywords["split"] == "balanced"
            continue
        with pytest.raises(InvalidRequest, match=r"dataset_config\.split is .*'byclass'"):
            parse_source(given)
