"""The same bits for torchvision's models, however they are cut."""

from __future__ import annotations

import numpy as np
import pytest

from actors.core.model.blocks import num_blocks
from actors.core.model.libraries.torchvision_models import torchvision_model
from actors.core.model.model_spec import ModelSpec, TensorSpec
from actors.core.recipe.recipe import parse_recipe
from actors.core.rows.row_reader import Array
from actors.core.sources.samples import Samples, Split
from actors.core.sources.source_facts import CLASS
from actors.core.sources.views import SampleView, SampleViews, Scaling
from actors.core.stages.specs import SessionSpec
from tests.support.equality import equals_plain_loop
from tests.support.sources import read, samples_of, split_of

SIZE = 16
IMAGES = TensorSpec((3, SIZE, SIZE))
SCALING = Scaling((0.3,) * 3, (0.4,) * 3, 255.0)
NUM_TRAIN, NUM_VAL = 96, 40


def _in_color(split: Split, count: int) -> Split:
    gray: Array = split.inputs[:count].reshape(count, 1, 8, 8).repeat(2, axis=2).repeat(2, axis=3)
    colors = np.concatenate([gray, 255 - gray, gray // 2], axis=1)
    return split_of(np.ascontiguousarray(colors), split.targets[:count])


@pytest.fixture(scope="module")
def images() -> Samples:
    digits = read("digits")
    return samples_of(_in_color(digits.train, NUM_TRAIN), _in_color(digits.val, NUM_VAL))


def check(model: ModelSpec, images: Samples, cuts: list[int], schedule: str) -> None:
    session = SessionSpec(
        generation=1,
        epochs=1,
        batch_size=48,
        val_batch_size=20,
        num_train=NUM_TRAIN,
        num_val=NUM_VAL,
        views=SampleViews(SampleView(IMAGES, SCALING), CLASS),
        recipe=parse_recipe({"learning_rate": 0.05, "momentum": 0.5}),
        num_microbatches=3,
        schedule=schedule,
        channel_timeout_s=60.0,
    )
    equals_plain_loop(model, session, images, cuts)


# Every schedule, on every number of stages, has the bits of small networks in
# `test_kinds_in_process.py`: here each is met once.
@pytest.mark.parametrize(
    ("cuts", "schedule"),
    [
        ([0, 11], "1f1b"),
        ([0, 5, 11], "gpipe"),
        ([0, 5, 11], "zb-h2"),
        ([0, 1, 9, 11], "1f1b"),
        ([0, 1, 9, 11], "zb-h1"),
    ],
)
def test_resnet18_equals_a_plain_loop(images: Samples, cuts: list[int], schedule: str) -> None:
    check(torchvision_model("resnet18", IMAGES, 10, "architecture", 5), images, cuts, schedule)


def test_what_drops_equals_a_plain_loop(images: Samples) -> None:
    model = torchvision_model("mobilenet_v3_small", IMAGES, 10, "architecture", 5)
    check(model, images, [0, num_blocks(model) // 2, num_blocks(model)], "zb-h1")
