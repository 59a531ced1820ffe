"""What a task does that reads rows."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from actors.core.sources.transforms.registry import apply_transforms, parse_transforms
from actors.core.transform_spec import Draws
from actors.feeding.reading_task import read_rows

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 1, 8, 8), dtype=np.uint8)
SAMPLES = np.array([7, 3, 19])
TRANSFORMS = parse_transforms(
    "transform",
    [{"type": "RandomCrop", "size": 6, "padding": 1}, {"type": "RandomHorizontalFlip"}],
)


def test_rows_of_an_array_are_read_in_the_order_that_is_asked_for() -> None:
    assert (read_rows(IMAGES, SAMPLES, (), None) == IMAGES[SAMPLES]).all()


@pytest.mark.parametrize("epoch", [0, 3])
def test_they_are_transformed_as_the_first_stage_would(epoch: int) -> None:
    draws = Draws(5, epoch)
    images, samples = torch.from_numpy(IMAGES[SAMPLES]), torch.from_numpy(SAMPLES)
    expected = apply_transforms(TRANSFORMS, images, samples, draws)
    found = read_rows(IMAGES, SAMPLES, TRANSFORMS, draws)
    assert found.shape == (3, 1, 6, 6)
    assert (found == expected.numpy()).all()


def test_a_task_that_only_reads_needs_no_pytorch() -> None:
    modules = (
        "actors.feeding.reading_task, actors.core.rows.image_rows, actors.core.rows.drawn_rows"
    )
    look = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
