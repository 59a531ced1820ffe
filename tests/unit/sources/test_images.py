from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from actors.core.errors import InvalidRequest
from actors.core.folders import Folders
from actors.core.sources.registry import known_of, parse_source
from actors.core.sources.views import Scaling
from actors.core.torchvision_compat import import_torchvision
from tests.support.mnist import write_mnist
from tests.support.sources import facts, read


def num_train_known(folder: Path) -> int:
    found = known_of(parse_source({"name": "MNIST"}), Folders(folder, ()))
    assert found is not None
    return found.num_train


def test_digits_are_uint8_with_the_promised_counts_and_statistics() -> None:
    digits, known = read("digits"), facts("digits")
    assert digits.train.inputs.dtype == np.uint8
    assert digits.train.inputs.shape == (known.num_train, 1, 8, 8)
    assert digits.val.inputs.shape == (known.num_val, 1, 8, 8)
    assert set(digits.val.targets) == set(range(10))
    scaled, scaling = digits.train.inputs / 255, known.views.inputs.scaling
    assert scaling is not None
    assert scaled.mean() == pytest.approx(scaling.mean[0], abs=5e-5)
    assert scaled.std() == pytest.approx(scaling.std[0], abs=5e-5)


def test_the_fingerprint_is_that_of_earlier_versions_so_that_their_jobs_go_on() -> None:
    assert read("digits").fingerprint == "207adcca86d0b7d2ddd9679bcd468eb7"
    assert read("digits", resize=[28, 28]).fingerprint == "207adcca86d0b7d2ddd9679bcd468eb7"


def test_resizing_gives_uint8_images_of_the_asked_size() -> None:
    digits = read("digits", resize=[28, 20])
    assert digits.train.inputs.shape == (1438, 1, 28, 20)
    assert digits.train.inputs.dtype == np.uint8
    assert facts("digits", resize=[28, 20]).inputs.shape == (1, 28, 20)


def test_resizing_is_torchvisions() -> None:
    functional = import_torchvision("torchvision.transforms.v2.functional")
    small = torch.from_numpy(read("digits").val.inputs)
    expected = functional.resize(small, [28, 28], antialias=True).numpy()
    assert np.array_equal(read("digits", resize=[28, 28]).val.inputs, expected)


def test_an_unknown_source_names_the_known_ones() -> None:
    for wrong in ("CIFAR", None, 7, ["MNIST"]):
        with pytest.raises(InvalidRequest, match=r"dataset_config.name is .*MNIST"):
            parse_source({"name": wrong})


def test_without_files_the_full_count_is_assumed(tmp_path: Path) -> None:
    assert num_train_known(tmp_path) == 60_000


def test_with_files_their_header_counts(tmp_path: Path) -> None:
    write_mnist(tmp_path, 123, 1)
    assert num_train_known(tmp_path) == 123


def test_what_is_given_for_a_channel_comes_before_the_datas_own() -> None:
    given = facts("digits", normalize={"mean": [0.5], "std": [2]}).views.inputs.scaling
    assert given == Scaling((0.5,), (2.0,), 255.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"resize": [28]},
        {"resize": [28, 0]},
        {"resize": [513, 28]},
        {"resize": [28.0, 28]},
        {"resize": 28},
        {"normalize": [0.5, 0.5]},
        {"normalize": {"mean": [0.5]}},
        {"normalize": {"mean": [], "std": []}},
        {"normalize": {"mean": [0.5], "std": [0]}},
        {"normalize": {"mean": [float("nan")], "std": [1]}},
        {"normalize": {"mean": [0.5], "std": [float("inf")]}},
        {"normalize": {"mean": [0.5, 0.5], "std": [1]}},
        {"normalize": {"mean": ["0.5"], "std": [1]}},
        {"normalize": {"mean": [10**400], "std": [1]}},
    ],
    ids=str,
)
def test_a_wrong_argument_is_named_with_what_it_may_be(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(InvalidRequest, match=rf"dataset_config\.{name} is .*but must be"):
        facts("digits", **wrong)


def test_more_numbers_than_channels_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="has 3 numbers, but images of digits have 1 channel"):
        facts("digits", normalize={"mean": [0.5] * 3, "std": [1] * 3})


def test_a_field_that_the_source_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(InvalidRequest, match=r'dataset_config\.resise.*did you mean "resize"'):
        facts("digits", resise=[8, 8])


def test_a_grey_image_can_have_three_equal_channels() -> None:
    known = facts("digits", channels=3)
    assert known.inputs.shape == (3, 8, 8) and known.input_form.shape == (1, 8, 8)
    stored = torch.from_numpy(read("digits").val.inputs)
    three = known.views.inputs.prepare(stored)
    one = facts("digits").views.inputs.prepare(stored)
    assert torch.equal(three, one.repeat(1, 3, 1, 1))
    for channels in (None, 1):
        assert facts("digits", channels=channels).views == facts("digits").views


def test_channels_are_not_made_of_several() -> None:
    for wrong in (1, 2, 6):
        with pytest.raises(InvalidRequest, match=r"channels is \d, but images of CIFAR10 have 3"):
            facts("CIFAR10", channels=wrong)
    with pytest.raises(InvalidRequest, match=r"channels is 0, but must be"):
        facts("digits", channels=0)
