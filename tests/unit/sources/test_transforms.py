from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from actors.core.errors import InvalidRequest
from actors.core.fields import count
from actors.core.sources.registry import facts_of_source, known_of, parse_source
from actors.core.sources.source_facts import SourceFacts
from actors.core.sources.transforms.mixing import mixed
from actors.core.sources.transforms.registry import (
    TRANSFORMS,
    TransformKind,
    add_transform,
    apply_transforms,
    for_validation,
    parse_transforms,
    transformed_shape,
)
from actors.core.sources.transforms.uniforms import uniforms
from actors.core.sources.views import SampleViews
from actors.core.transform_spec import Draws, TransformSpec
from orchestrator.jobs.job_spec import parse_job_spec
from tests.support.sources import NO_FOLDER, folders

SIDE = 12
SAMPLES = torch.arange(40)
DRAWS = Draws(7, 3)
EXAMPLES: dict[str, dict[str, Any]] = {
    "Resize": {"size": [6, 8]},
    "CenterCrop": {"size": 8},
    "PaddedCenterCrop": {"size": 14, "padding": 2, "fill": 9},
    "RandomCrop": {"size": [10, 8], "padding": 2, "fill": 9},
    "RandomResizedCrop": {"size": 6},
    "RandomHorizontalFlip": {},
    "RandomVerticalFlip": {"p": 0.25},
    "RandomRotation": {"degrees": 30},
    "ColorJitter": {"brightness": 0.5, "contrast": 0.5, "saturation": 0.5, "hue": 0.2},
    "RandAugment": {"num_ops": 3},
}


def images(channels: int = 3, num: int = 40) -> torch.Tensor:
    rng = np.random.default_rng(channels)
    return torch.from_numpy(rng.integers(0, 256, (num, channels, SIDE, SIDE), dtype=np.uint8))


def parsed(*given: dict[str, Any]) -> tuple[TransformSpec, ...]:
    return parse_transforms("transform", list(given))


def applied(*given: dict[str, Any], stored: torch.Tensor, draws: Draws = DRAWS) -> torch.Tensor:
    return apply_transforms(parsed(*given), stored, SAMPLES[: len(stored)], draws)


def test_there_is_an_example_of_every_kind() -> None:
    assert set(EXAMPLES) == {name for name, kind in TRANSFORMS.items() if not kind.mixes}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_kind_gives_bytes_of_the_shape_that_it_tells(kind: str, channels: int) -> None:
    given = {"type": kind, **EXAMPLES[kind]}
    specs = parsed(given)
    told = applied(given, stored=images(channels))
    shape = transformed_shape("transform", specs, (channels, SIDE, SIDE))
    assert told.shape == (40, *shape) and told.dtype is torch.uint8
    calm = apply_transforms(for_validation(specs), images(channels), slice(0, 40), None)
    assert calm.shape == told.shape
    is_random = TRANSFORMS[kind].num_draws(specs[0].keywords) > 0
    assert is_random == (not torch.equal(told, calm))
    assert is_random == (kind.startswith("Rand") or kind == "ColorJitter")


@pytest.mark.parametrize("kind", [k for k in EXAMPLES if k.startswith(("Rand", "Color"))])
def test_a_sample_draws_the_same_in_whatever_batch_it_is(kind: str) -> None:
    specs, stored = parsed({"type": kind, **EXAMPLES[kind]}), images()
    whole = apply_transforms(specs, stored, SAMPLES, DRAWS)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    for part in order.split(7):
        assert torch.equal(apply_transforms(specs, stored[part], part, DRAWS), whole[part])
    assert not torch.equal(apply_transforms(specs, stored, SAMPLES, Draws(7, 4)), whole)
    assert not torch.equal(apply_transforms(specs, stored, SAMPLES, Draws(8, 3)), whole)


def test_nobody_elses_random_numbers_are_drawn() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for kind, own in EXAMPLES.items():
        applied({"type": kind, **own}, stored=images())
    assert torch.equal(torch.get_rng_state(), before)


def test_numbers_are_spread_evenly_and_independent() -> None:
    drawn = uniforms(Draws(0, 0), np.arange(20_000), 3)
    assert drawn.min() >= 0.0 and drawn.max() < 1.0
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.01
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.02
    assert np.abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.02
    other = uniforms(Draws(0, 1), np.arange(20_000), 3)
    assert np.abs(np.corrcoef(drawn[:, 0], other[:, 0])[0, 1]) < 0.02


def test_a_flip_is_of_the_share_that_is_asked_for() -> None:
    stored = images(num=1).expand(4000, -1, -1, -1)
    specs = parsed({"type": "RandomHorizontalFlip", "p": 0.25})
    told = apply_transforms(specs, stored, torch.arange(4000), DRAWS)
    flipped = (told == stored.flip(-1)).flatten(1).all(dim=1)
    assert torch.equal(told[flipped], stored[flipped].flip(-1))
    assert torch.equal(told[~flipped], stored[~flipped])
    assert abs(flipped.float().mean().item() - 0.25) < 0.03


def test_a_crop_is_a_part_of_the_padded_image_and_every_place_comes_up() -> None:
    one = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3) + 1
    specs = parsed({"type": "RandomCrop", "size": 3, "padding": 1, "fill": 99})
    told = apply_transforms(specs, one.expand(500, -1, -1, -1), torch.arange(500), DRAWS)
    padded = torch.nn.functional.pad(one[0], [1] * 4, value=99)
    places = {
        (top, left): padded[:, top : top + 3, left : left + 3].tolist()
        for top in range(3)
        for left in range(3)
    }
    seen = [image.tolist() for image in told]
    assert all(image in places.values() for image in seen)
    assert all(place in seen for place in places.values())
    (calm,) = apply_transforms(for_validation(specs), one, slice(0, 1), None)
    assert calm.tolist() == one[0].tolist()


@pytest.mark.parametrize("kind", ["brightness", "contrast", "saturation", "hue"])
def test_a_jitter_equals_torchvisions_by_the_factor_that_was_drawn(kind: str) -> None:
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    stored = images(num=5)
    strength = 0.3
    told = applied({"type": "ColorJitter", kind: strength}, stored=stored)
    index = ["brightness", "contrast", "saturation", "hue"].index(kind)
    drawn = uniforms(DRAWS, np.arange(5), 5)[:, index]
    for image, own, number in zip(told, stored, drawn.tolist(), strict=True):
        shift = strength * (2.0 * number - 1.0)
        factor = shift if kind == "hue" else 0.7 + number * (1.3 - 0.7)
        adjust = getattr(functional, f"adjust_{kind}")
        assert (image.int() - adjust(own, factor).int()).abs().max() <= 1


def test_transforms_come_one_after_the_other() -> None:
    stored = images()
    both = ({"type": "CenterCrop", "size": 8}, {"type": "Resize", "size": [4, 6]})
    one_by_one = applied(both[1], stored=applied(both[0], stored=stored))
    assert torch.equal(applied(*both, stored=stored), one_by_one)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("Resize", "transform is 'Resize', but must be a list"),
        ([{"type": "Resize", "size": 4}] * 33, "at most 32"),
        (["Resize"], r"transform[0] is 'Resize', but must be an object"),
        ([{"size": 4}], "transform[0] is"),
        ([{"type": "RandomCropp", "size": 4}], 'did you mean "RandomCrop"?'),
        ([{"type": "Resize"}], "transform[0].size is missing"),
        ([{"type": "Resize", "size": 4, "p": 1}], "transform[0].p is no argument of Resize"),
        ([{"type": "RandomHorizontalFlip", "p": 2}], "transform[0].p is 2, but must be"),
        ([{"type": "RandomRotation", "degrees": -1}], "transform[0].degrees is -1"),
        ([{"type": "RandomResizedCrop", "size": 4, "scale": [1, 0.5]}], "transform[0].scale is"),
        ([{"type": "ColorJitter", "hue": 0.6}], "transform[0].hue is 0.6"),
        ([{"type": "MixUp", "alpha": 0}], "transform[0].alpha is 0"),
        ([{"type": "MixUp"}, {"type": "Resize", "size": 4}], "transform[0].type is 'MixUp'"),
    ],
    ids=range(13),
)
def test_what_is_wrong_is_refused_with_its_place(given: Any, named: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_transforms("transform", given)
    assert named in caught.value.message


def digits(**config: Any) -> SourceFacts:
    source = parse_source({"name": "digits", **config})
    found = known_of(source, folders(NO_FOLDER))
    assert found is not None
    return facts_of_source(source, found)


def test_a_model_is_given_the_shape_that_transforms_leave() -> None:
    transform = [{"type": "RandomCrop", "size": 6}]
    facts = digits(transform=transform, channels=3)
    assert facts.inputs.shape == (3, 6, 6) and facts.input_form.shape == (1, 8, 8)
    with pytest.raises(InvalidRequest, match=r"dataset_config\.transform\[0\]\.size is .*8 × 8"):
        digits(transform=[{"type": "RandomCrop", "size": 9}])
    assert digits(resize=[9, 9], transform=[{"type": "RandomCrop", "size": 9}])


def views(*transform: dict[str, Any]) -> SampleViews:
    return digits(transform=list(transform)).views


CLASSES = torch.arange(40) % 10
GREY = images(1)[:, :, :8, :8]


def test_faded_images_and_classes_have_the_same_shares() -> None:
    own = views({"type": "MixUp", "alpha": 1.0})
    assert own.inputs.mixing is not None
    told = mixed(own.inputs.mixing, DRAWS, SAMPLES, 40)
    assert set(told.partners.tolist()) <= set(range(40)) and len(set(told.partners.tolist())) > 20
    targets = own.targets.prepare(own.targets.gather(CLASSES, SAMPLES, DRAWS))
    faded = own.inputs.gather(GREY, SAMPLES, DRAWS)
    assert targets.shape == (40, 10) and torch.allclose(targets.sum(dim=1), torch.ones(40))
    for i, (partner, share) in enumerate(zip(told.partners, told.shares.tolist(), strict=True)):
        both = GREY[i].double() * share + GREY[partner].double() * (1 - share)
        assert (faded[i].double() - both).abs().max() <= 0.501
        expected = torch.zeros(10, dtype=torch.float64)
        expected[CLASSES[i]] += share
        expected[CLASSES[partner]] += 1 - share
        assert torch.allclose(targets[i].double(), expected, atol=1e-6)


def test_a_part_of_another_image_counts_by_its_area() -> None:
    own = views({"type": "CutMix"})
    assert own.inputs.mixing is not None
    told = mixed(own.inputs.mixing, DRAWS, SAMPLES, 40)
    cut = own.inputs.gather(GREY, SAMPLES, DRAWS)
    for i, (partner, share) in enumerate(zip(told.partners, told.shares.tolist(), strict=True)):
        is_other = torch.zeros(8, 8, dtype=torch.bool)
        box = told.boxes[i]
        is_other[box.top : box.bottom, box.left : box.right] = True
        assert torch.equal(cut[i, 0], torch.where(is_other, GREY[partner, 0], GREY[i, 0]))
        assert share == pytest.approx(1 - is_other.double().mean().item())
    assert 0 < told.shares.min() < told.shares.max() <= 1


@pytest.mark.parametrize("kind", ["MixUp", "CutMix"])
def test_a_sample_is_mixed_the_same_in_whatever_batch_it_is(kind: str) -> None:
    own = views({"type": "RandomHorizontalFlip"}, {"type": kind})
    for view, stored in ((own.inputs, GREY), (own.targets, CLASSES)):
        whole = view.gather(stored, SAMPLES, DRAWS)
        for part in torch.randperm(40, generator=torch.Generator().manual_seed(0)).split(7):
            assert torch.equal(view.gather(stored, part, DRAWS), whole[part])
        calm = view.for_validation()
        assert torch.equal(calm.gather(stored, slice(0, 40)), stored)


def test_classes_are_not_mixed_for_a_task_that_takes_them_whole() -> None:
    config = {"name": "digits", "transform": [{"type": "MixUp"}], "batch_size": 10}
    model = {"layer_sizes": [64, 1]}
    source = parse_source(config)
    found = known_of(source, folders(NO_FOLDER))
    assert found is not None
    found = replace(found, num_classes=2)
    with pytest.raises(InvalidRequest, match=r"dataset_config\.transform has MixUp.*binary"):
        parse_job_spec(model, config, lambda _: found, task="binary")


@pytest.fixture
def inverse() -> Iterator[None]:
    add_transform(
        TransformKind(
            "Inverse",
            "dark for bright",
            lambda image, own, numbers: own["white"] - image,
            {"white": count(0, 255, 255)},
        )
    )
    yield
    del TRANSFORMS["Inverse"]


@pytest.mark.usefixtures("inverse")
def test_a_transform_from_outside_is_one_entry() -> None:
    stored = images()
    assert torch.equal(applied({"type": "Inverse"}, stored=stored), 255 - stored)
    with pytest.raises(AssertionError, match="Inverse"):
        add_transform(TRANSFORMS["Inverse"])


@pytest.mark.parametrize("kind", ["ColorJitter", "RandAugment"])
def test_colours_are_changed_of_images_that_have_some(kind: str) -> None:
    given = parsed({"type": kind})
    for channels in (1, 3):
        assert transformed_shape("transform", given, (channels, 8, 8)) == (channels, 8, 8)
    for channels in (2, 4):
        with pytest.raises(InvalidRequest, match=rf"transform\[0\].* {channels} channels"):
            transformed_shape("transform", given, (channels, 8, 8))
