"""How samples lie in arrays, and what a model is given of them."""

from __future__ import annotations

import torch

from actors.core.model.model_spec import TensorSpec
from actors.core.sources.views import SampleView, Scaling, Window

TOKENS = torch.arange(20, dtype=torch.uint8)


def test_pixels_are_scaled_as_torchvision_does() -> None:
    pixels = torch.tensor([[0, 255, 51]], dtype=torch.uint8)
    view = SampleView(TensorSpec((3,)), Scaling((0.5,), (0.25,), 255.0))
    expected = (torch.tensor([[0.0, 1.0, 0.2]]) - 0.5) / 0.25
    assert torch.equal(view.prepare(pixels), expected)


def test_each_channel_has_its_own_scaling() -> None:
    images = torch.randint(0, 256, (4, 3, 5, 6), dtype=torch.uint8)
    mean, std = (0.4, 0.5, 0.6), (0.1, 0.2, 0.3)
    prepared = SampleView(TensorSpec((3, 5, 6)), Scaling(mean, std, 255.0)).prepare(images)
    for channel in range(3):
        own = images[:, channel].to(torch.float32).div(255.0).sub(mean[channel]).div(std[channel])
        assert torch.equal(prepared[:, channel], own)
    flat = SampleView(TensorSpec((90,)), Scaling(mean, std, 255.0)).prepare(images)
    assert torch.equal(flat, prepared.view(4, 90))


def test_the_stored_numbers_stay_as_they_are() -> None:
    stored = torch.ones(5, 2)
    view = SampleView(TensorSpec((2,)), Scaling((1.0, 2.0), (1.0, 2.0)))
    assert view.prepare(view.gather(stored, slice(0, 3))).tolist() == [[0.0, -0.5]] * 3
    assert torch.equal(stored, torch.ones(5, 2))


def test_windows_overlap_and_targets_are_the_same_tokens_shifted_by_one() -> None:
    inputs = SampleView(TensorSpec((4,), "int64"), window=Window(4, 3))
    targets = SampleView(TensorSpec((4,), "int64"), window=Window(4, 3, shift=1))
    samples = torch.tensor([2, 0])
    assert inputs.prepare(inputs.gather(TOKENS, samples)).tolist() == [[6, 7, 8, 9], [0, 1, 2, 3]]
    assert targets.gather(TOKENS, samples).tolist() == [[7, 8, 9, 10], [1, 2, 3, 4]]
    assert inputs.prepare(inputs.gather(TOKENS, slice(1, 3))).tolist() == [
        [3, 4, 5, 6],
        [6, 7, 8, 9],
    ]
    assert inputs.prepare(inputs.gather(TOKENS, samples)).dtype is torch.int64
