from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from actors.core.datasets import DATASETS, count_train_samples, dataset_info, load_dataset
from actors.core.errors import InvalidRequest
from actors.core.torchvision_compat import import_torchvision
from tests.support.mnist import write_mnist


def test_digits_are_uint8_with_the_promised_counts_and_statistics() -> None:
    digits, info = load_dataset("digits", Path("unused")), DATASETS["digits"]
    assert digits.train.images.dtype == np.uint8
    assert digits.train.images.shape == (info.num_train, 64)
    assert digits.val.images.shape == (info.num_val, 64)
    assert set(digits.val.labels) == set(range(10))
    scaled = digits.train.images / 255
    assert scaled.mean() == pytest.approx(info.normalization.mean, abs=5e-5)
    assert scaled.std() == pytest.approx(info.normalization.std, abs=5e-5)


def test_resizing_gives_flat_uint8_images_of_the_asked_size() -> None:
    digits = load_dataset("digits", Path("unused"), (28, 28))
    assert digits.train.images.shape == (1438, 784)
    assert digits.train.images.dtype == np.uint8


def test_resizing_is_torchvisions() -> None:
    functional = import_torchvision("torchvision.transforms.v2.functional")
    small = torch.from_numpy(load_dataset("digits", Path("unused")).val.images).reshape(-1, 1, 8, 8)
    expected = functional.resize(small, [28, 28], antialias=True).reshape(-1, 784).numpy()
    assert np.array_equal(load_dataset("digits", Path("unused"), (28, 28)).val.images, expected)


def test_an_unknown_data_set_names_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"'CIFAR'.*MNIST, digits"):
        dataset_info("CIFAR")


def test_without_files_the_full_count_is_assumed(tmp_path: Path) -> None:
    assert count_train_samples("MNIST", tmp_path) == 60_000


def test_with_files_their_header_counts(tmp_path: Path) -> None:
    write_mnist(tmp_path, 123, 1)
    assert count_train_samples("MNIST", tmp_path) == 123
