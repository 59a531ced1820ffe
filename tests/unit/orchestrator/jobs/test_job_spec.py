from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from actors.core.architectures.registry import ARCHITECTURES
from actors.core.errors import InvalidRequest
from actors.core.model.blocks import num_parameters
from actors.core.model.model_spec import TensorSpec, mlp
from actors.core.model.registry import KINDS
from actors.core.sources.views import SampleView, Scaling
from actors.core.tasks.task_spec import TaskSpec
from orchestrator.jobs.job_spec import (
    check_train_options,
    decided_options,
    default_num_microbatches,
)
from orchestrator.jobs.train_options import TrainOptions, parse_train_options
from orchestrator.models.model_config import architectures, layer_kinds, model_json
from tests.support.sources import job_spec

SIZES = [784, 128, 64, 10]


def parse(sizes: list[int] = SIZES, num_train: int | None = None, **dataset: Any) -> Any:
    return job_spec({"layer_sizes": sizes}, {"name": "MNIST", **dataset}, num_train=num_train)


def test_defaults_are_filled_in() -> None:
    spec = parse()
    assert (spec.batch_size, spec.val_batch_size, spec.model.seed) == (256, 1000, 0)
    assert spec.views.inputs == SampleView(TensorSpec((784,)), Scaling((0.1307,), (0.3081,), 255.0))
    given = dict.fromkeys(("resize", "normalize", "channels"))
    assert spec.shuffle and spec.source.keywords == {**given, "transform": ()}


def test_what_is_given_is_kept() -> None:
    spec = parse(batch_size=5, shuffle=False, normalize={"mean": [0.5], "std": [2]})
    assert (spec.batch_size, spec.shuffle) == (5, False)
    assert spec.views.inputs.scaling == Scaling((0.5,), (2.0,), 255.0)


def test_an_architecture_becomes_the_layers_that_it_expands_to() -> None:
    given = {"architecture": "mlp", "config": {"hidden": [20]}, "seed": 3}
    spec = job_spec(given, {"name": "digits"})
    layers = [
        {"type": "Flatten"},
        {"type": "Linear", "out_features": 20},
        {"type": "ReLU"},
        {"type": "Linear", "out_features": 10},
    ]
    assert spec.model == job_spec({"layers": layers, "seed": 3}, {"name": "digits"}).model
    shown = model_json(spec.model)["layers"]
    assert [layer["type"] for layer in shown] == [layer["type"] for layer in layers]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"architecture": "resnet"}, "model_config.architecture is 'resnet'"),
        ({"architecture": "mlp", "config": {"hidden": 1}}, "model_config.config.hidden is 1"),
        ({"architecture": "gpt"}, "model_config.architecture is 'gpt'"),
        ({"architecture": "vit", "config": {"patch_size": 3}}, "architecture 'vit', layers[0]"),
        ({"architecture": "cnn", "config": {"channels": [4] * 9}}, "architecture 'cnn', layers["),
        ({"architecture": "mlp", "config": {"hidden": [2**24] * 9}}, "parameters"),
    ],
)
def test_an_architecture_that_does_not_fit_is_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        job_spec(given, {"name": "digits"})
    assert named in caught.value.message


def test_what_may_be_given_is_described_by_what_it_is_checked_by() -> None:
    described = {one["type"]: one for one in layer_kinds()}
    assert set(described) == set(KINDS)
    assert described["Dropout"]["fields"]["p"]["default"] == 0.5
    assert described["Conv2d"]["fields"]["kernel_size"]["required"]
    assert "default" not in described["Linear"]["fields"]["out_features"]
    assert "from 1 to" in described["Linear"]["fields"]["out_features"]["values"]
    named = {one["architecture"] for one in architectures()}
    assert named >= {*ARCHITECTURES, "torchvision/resnet18"}
    json.dumps([layer_kinds(), architectures()])


def test_the_first_size_must_be_the_datas_features() -> None:
    with pytest.raises(InvalidRequest, match=r"layer_sizes\[0\] is 64.*784"):
        parse([64, 10])


def test_a_resize_changes_the_features() -> None:
    assert parse([64, 10], resize=[8, 8]).model == mlp((64, 10))


def test_the_last_size_must_be_the_datas_classes() -> None:
    with pytest.raises(InvalidRequest, match=r"layer_sizes\[2\] is 9.*10"):
        parse([784, 5, 9])


def test_a_network_beyond_a_billion_parameters_is_refused() -> None:
    assert num_parameters(parse([784, 65_536, 10]).model) == 785 * 65_536 + 65_537 * 10
    with pytest.raises(InvalidRequest, match=r"4,347,\d+,\d+ parameters.*1,000,000,000"):
        parse([784, 65_536, 65_536, 10])


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"dataset_config.name is 'FOO'"):
        job_spec({"layer_sizes": SIZES}, {"name": "FOO"})


def test_a_batch_may_not_exceed_the_samples_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r"batch_size is 101.*100"):
        parse(batch_size=101, num_train=100)


def test_more_microbatches_than_samples_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"num_microbatches is 9.*8"):
        check_train_options(TrainOptions(num_microbatches=9), parse(batch_size=8))


def test_epochs_are_no_more_than_max_steps_need() -> None:
    spec = parse(batch_size=100)
    epoch_steps = -(-spec.data.num_train // 200)
    for config, epochs in (
        ({"max_steps": 1}, 1),
        ({"max_steps": epoch_steps + 1}, 2),
        ({"max_steps": epoch_steps + 1, "epochs": 1}, 1),
        ({"epochs": 7}, 7),
    ):
        options = parse_train_options({"accumulate": 2, **config})
        decided = decided_options(options, spec, spec.data.num_train, "gpipe", 6)
        assert (decided.epochs, decided.num_microbatches, decided.schedule) == (epochs, 3, "gpipe")


def test_epochs_are_counted_by_the_samples_there_are_now() -> None:
    options = parse_train_options({"max_steps": 100})
    spec = parse(batch_size=100)
    assert decided_options(options, spec, 1_000, "gpipe", 1).epochs == 10
    assert decided_options(options, spec, 2**62, "gpipe", 1).epochs == 1


def test_more_steps_than_all_epochs_have_are_refused_and_not_just_left_out() -> None:
    spec = parse(batch_size=100)
    options = parse_train_options({"max_steps": 200_001})
    assert decided_options(options, spec, 300, "gpipe", 1).epochs == 66_667
    with pytest.raises(InvalidRequest, match=r"max_steps is 200,001.* 2 steps .*100,000.*200,000"):
        decided_options(options, spec, 200, "gpipe", 1)
    options = parse_train_options({"max_steps": 200_001, "epochs": 5})
    assert decided_options(options, spec, 200, "gpipe", 1).epochs == 5


NORMED = {"architecture": "mlp", "config": {"norm": "batch"}}


@pytest.mark.parametrize(
    ("dataset", "train_config", "named"),
    [
        ({"batch_size": 16}, {"num_microbatches": 16}, "the last batch of an epoch has 14 samples"),
        ({"batch_size": 479}, {}, "the last batch of an epoch has 1 samples in 1 microbatches"),
        ({"batch_size": 719}, {"num_microbatches": 400}, "a batch has 719 samples"),
        ({"batch_size": 16}, {"num_microbatches": 4}, None),
    ],
)
def test_batch_norm_is_given_no_single_sample(
    dataset: dict[str, Any], train_config: dict[str, Any], named: str | None
) -> None:
    def parse_normed(model: dict[str, Any]) -> Any:
        return job_spec(model, {"name": "digits", **dataset}, train_config=train_config)

    parse_normed({"architecture": "mlp"})
    if named is None:
        parse_normed(NORMED)
        return
    with pytest.raises(InvalidRequest, match="needs 2: use another batch_size") as caught:
        parse_normed(NORMED)
    assert named in caught.value.message


def test_small_data_has_a_batch_of_its_own_size() -> None:
    spec = job_spec({"architecture": "mlp"}, {"name": "iris"})
    assert spec.batch_size == spec.data.num_train == 120


def test_what_is_given_tokens_must_know_each() -> None:
    data = {
        "name": "synthetic",
        "inputs": [6],
        "dtype": "int64",
        "num_tokens": 50,
        "num_train": 300,
    }

    def layers(num_embeddings: int) -> list[dict[str, Any]]:
        table = {"type": "Embedding", "num_embeddings": num_embeddings, "embedding_dim": 4}
        inside = {"type": "Sequential", "layers": [table]}
        return [inside, {"type": "Linear", "out_features": 50}]

    assert job_spec({"layers": layers(50)}, data)
    with pytest.raises(InvalidRequest, match=r"layers\[0\]\.layers\[0\]: Embedding knows 49.*50"):
        job_spec({"layers": layers(49)}, data)


def test_a_step_has_no_more_microbatches_than_a_schedule_can_have() -> None:
    options = parse_train_options({"accumulate": 1024, "num_microbatches": 5})
    with pytest.raises(InvalidRequest, match=r"accumulate is 1024, .*5,120 microbatches"):
        check_train_options(options, parse(batch_size=8))


def test_a_session_stops_by_a_metric_that_there_is() -> None:
    for metric, is_there in (("val_accuracy", True), ("loss", True), ("perplexity", False)):
        options = parse_train_options({"early_stopping": {"metric": metric}})
        if is_there:
            check_train_options(options, parse())
            continue
        with pytest.raises(InvalidRequest, match=r"early_stopping\.metric is 'perplexity'.*loss"):
            check_train_options(options, parse())


def test_labels_are_smoothed_where_there_are_some() -> None:
    options = parse_train_options({"label_smoothing": 0.1})
    check_train_options(options, parse())
    numbers = replace(parse(), task=TaskSpec("regression"))
    with pytest.raises(InvalidRequest, match=r"label_smoothing is 0.1, but .* regression"):
        check_train_options(options, numbers)


def test_the_default_number_of_microbatches_grows_with_stages_and_batch() -> None:
    assert default_num_microbatches(256, 1) == 1
    assert default_num_microbatches(100, 2) == 1
    assert default_num_microbatches(4096, 2) == 4
