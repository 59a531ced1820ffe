"""What was asked: a job's configuration and a train request, checked and with defaults filled in.

Types and plain ranges were checked where the request came in; here are the checks that need to
know more than one field: sizes against the data set, batches against the samples there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from actors.core.datasets import DatasetInfo, dataset_info
from actors.core.errors import InvalidRequest
from actors.core.specs import NetworkSpec, Normalization

DEFAULT_BATCH_SIZE = 256
DEFAULT_VAL_BATCH_SIZE = 1000
DEFAULT_EPOCHS = 10
DEFAULT_LEARNING_RATE = 0.1
DEFAULT_SCHEDULE = "1f1b"
MAX_PARAMETERS = 10**9
MIN_MICROBATCH_ROWS = 128
MICROBATCHES_PER_STAGE = 2


@dataclass(frozen=True)
class JobSpec:
    """A job's network and data; ``resize`` is (height, width) or None."""

    network: NetworkSpec
    dataset: str
    resize: tuple[int, int] | None
    shuffle: bool
    batch_size: int
    val_batch_size: int
    normalization: Normalization


@dataclass(frozen=True)
class TrainOptions:
    """A train request, with what it left to the plan decided; ``threads`` None is each device's
    own."""

    epochs: int = DEFAULT_EPOCHS
    learning_rate: float = DEFAULT_LEARNING_RATE
    num_microbatches: int | None = None
    schedule: str = DEFAULT_SCHEDULE
    threads: int | None = None
    momentum: float = 0.0


def parse_job_spec(
    model_config: dict[str, Any], dataset_config: dict[str, Any], num_train: int | None = None
) -> JobSpec:
    """Raises ``InvalidRequest``; ``num_train`` is the number of samples known to be there."""
    info = dataset_info(dataset_config["name"])
    resize = dataset_config.get("resize")
    spec = JobSpec(
        network=NetworkSpec(tuple(model_config["layer_sizes"]), model_config.get("seed") or 0),
        dataset=info.name,
        resize=None if resize is None else (resize[0], resize[1]),
        shuffle=dataset_config.get("shuffle") is not False,
        batch_size=dataset_config.get("batch_size") or DEFAULT_BATCH_SIZE,
        val_batch_size=dataset_config.get("val_batch_size") or DEFAULT_VAL_BATCH_SIZE,
        normalization=_parse_normalization(dataset_config, info),
    )
    _check_layer_sizes(spec, info)
    check_batch_size(spec, info.num_train if num_train is None else num_train)
    return spec


def check_batch_size(spec: JobSpec, num_train: int) -> None:
    """Raises ``InvalidRequest`` when a batch is larger than the training samples there are."""
    if spec.batch_size > num_train:
        raise InvalidRequest(
            f"dataset_config.batch_size is {spec.batch_size}, but {spec.dataset} has only "
            f"{num_train} training samples: use at most {num_train}"
        )


def check_num_microbatches(asked: int | str | None, spec: JobSpec) -> None:
    """Raises ``InvalidRequest`` when there are more microbatches than samples in a batch."""
    if isinstance(asked, int) and asked > spec.batch_size:
        raise InvalidRequest(
            f"num_microbatches is {asked}, but a batch has only {spec.batch_size} samples: use at "
            f"most {spec.batch_size}"
        )


def default_num_microbatches(batch_size: int, num_stages: int) -> int:
    """As many as fill the pipeline without making a microbatch too small to be worth sending.

    One stage needs one. Otherwise ``MICROBATCHES_PER_STAGE`` a stage, but none of fewer than
    ``MIN_MICROBATCH_ROWS`` samples (``docs/benchmarks.md`` has the measurements).
    """
    if num_stages == 1:
        return 1
    return max(1, min(MICROBATCHES_PER_STAGE * num_stages, batch_size // MIN_MICROBATCH_ROWS))


def _parse_normalization(dataset_config: dict[str, Any], info: DatasetInfo) -> Normalization:
    given = dataset_config.get("normalize")
    if given is None:
        return info.normalization
    return Normalization(float(given["mean"][0]), float(given["std"][0]))


def _check_layer_sizes(spec: JobSpec, info: DatasetInfo) -> None:
    sizes = spec.network.layer_sizes
    height, width = spec.resize or info.shape
    if sizes[0] != height * width:
        raise InvalidRequest(
            f"model_config.layer_sizes[0] is {sizes[0]}, but an image of {info.name} at "
            f"{height} x {width} has {height * width} features: use {height * width}, or set "
            "dataset_config.resize"
        )
    if sizes[-1] != info.num_classes:
        raise InvalidRequest(
            f"model_config.layer_sizes[{len(sizes) - 1}] is {sizes[-1]}, but {info.name} has "
            f"{info.num_classes} classes: use {info.num_classes}"
        )
    num_parameters = spec.network.num_parameters
    if num_parameters > MAX_PARAMETERS:
        raise InvalidRequest(
            f"model_config.layer_sizes make a network of {num_parameters:,} parameters, but the "
            f"limit is {MAX_PARAMETERS:,}: use smaller or fewer layers"
        )
