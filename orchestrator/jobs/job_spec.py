"""A job's configuration: checked, and with defaults filled in.

The gateway has already checked types and plain ranges. The checks here need more than one field:
sizes against the data set, batches against the number of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.fields import path
from actors.core.model.blocks import num_blocks
from actors.core.model.facts import min_rows, model_facts
from actors.core.model.freezing import learning_of
from actors.core.model.model_spec import ModelSpec
from actors.core.model.registry import unknown_kinds
from actors.core.progress.session_length import epochs_for
from actors.core.recipe.recipe import check_known_kinds
from actors.core.sources.registry import (
    NO_UPLOADS,
    SOURCES,
    SourceSpec,
    facts_of_source,
    parse_source,
)
from actors.core.sources.source_facts import Found, SourceFacts
from actors.core.sources.views import SampleViews
from actors.core.tasks.parse import parse_task
from actors.core.tasks.registry import TASKS
from actors.core.tasks.scoring import metric_names
from actors.core.tasks.task_spec import TaskSpec
from orchestrator.jobs.train_options import (
    DEFAULT_OPTIONS,
    MAX_EPOCHS,
    MAX_MICROBATCHES,
    TRAIN_CONFIG,
    TrainOptions,
    parse_train_options,
)
from orchestrator.models.model_config import parse_model

DEFAULT_BATCH_SIZE = 256
DEFAULT_VAL_BATCH_SIZE = 1000
MIN_MICROBATCH_ROWS = 128
MICROBATCHES_PER_STAGE = 2


@dataclass(frozen=True)
class JobConfig:
    """What was sent when the job was created. Answers show it again, and a train request overrides
    fields of ``train``."""

    model: Mapping[str, Any]
    dataset: Mapping[str, Any]
    train: Mapping[str, Any] | None = None

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        shown = {"model_config": self.model, "dataset_config": self.dataset}
        return shown if self.train is None else {**shown, "train_config": self.train}


@dataclass(frozen=True)
class JobSpec:
    """A job's model, task, data and train_config. ``data`` is what was known of the source when the
    job was created; a session counts its samples again. ``initial_weights`` is the name under which
    those are kept that the job begins with; None: they are drawn from the model's seed."""

    model: ModelSpec
    task: TaskSpec
    source: SourceSpec
    data: SourceFacts
    shuffle: bool
    batch_size: int
    val_batch_size: int
    config: JobConfig = field(hash=False)
    train: TrainOptions = DEFAULT_OPTIONS
    initial_weights: str | None = None

    @property
    def views(self) -> SampleViews:
        """What the model is given of a sample: ``layer_sizes`` take it flat."""
        given = self.data.views
        return replace(given, inputs=replace(given.inputs, sample=self.model.inputs))

    @property
    def num_blocks(self) -> int:
        """What devices are given: as many as can have one each."""
        return num_blocks(self.model)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what validation tells, ``loss`` first."""
        return metric_names(self.task, model_facts(self.model)[-1].outputs)


def parse_job_spec(
    model_config: Mapping[str, Any],
    dataset_config: Mapping[str, Any],
    find: Callable[[SourceSpec], Found],
    train_config: Mapping[str, Any] | None = None,
    task: Any = None,
    uploads: Mapping[str, Mapping[str, Any]] = NO_UPLOADS,
) -> JobSpec:
    """Raises ``InvalidRequest``; ``find`` tells what is in a source's arrays, ``uploads`` has the
    fields of each uploaded data set."""
    source = parse_source(dataset_config, uploads)
    data = facts_of_source(source, find(source))
    parsed_task = parse_task(task, data)
    spec = JobSpec(
        model=parse_model(model_config, data, parsed_task),
        task=parsed_task,
        source=source,
        data=data,
        shuffle=dataset_config.get("shuffle") is not False,
        batch_size=dataset_config.get("batch_size") or min(DEFAULT_BATCH_SIZE, data.num_train),
        val_batch_size=dataset_config.get("val_batch_size") or DEFAULT_VAL_BATCH_SIZE,
        config=JobConfig(model_config, dataset_config, train_config),
        train=parse_train_options(train_config),
    )
    check_mixing(spec)
    check_train_options(spec.train, spec, TRAIN_CONFIG)
    check_batch_size(spec, data.num_train)
    check_rows(spec.train, spec, data.num_train)
    return spec


def check_known(spec: JobSpec) -> None:
    """Raises ``InvalidRequest`` if a kind of layer, a source or a task no longer exists."""
    check_known_kinds(spec.train.recipe)
    if unknown := sorted(unknown_kinds(spec.model.layers)):
        raise InvalidRequest(f"there is no kind of layer {', '.join(unknown)} here")
    if spec.source.name not in SOURCES:
        raise InvalidRequest(f"there is no source {spec.source.name} here")
    if spec.task.kind not in TASKS:
        raise InvalidRequest(f"there is no task {spec.task.kind} here")


def check_mixing(spec: JobSpec) -> None:
    """Raises ``InvalidRequest`` if a transform mixes classes, but the task's loss can't take mixed
    ones."""
    mixing = spec.views.targets.mixing
    if mixing is not None and not TASKS[spec.task.kind].smooths:
        raise InvalidRequest(
            f"dataset_config.transform has {mixing.kind}, which mixes classes, but the task is "
            f"{spec.task.kind}: use classification, or leave {mixing.kind} out"
        )


def check_batch_size(spec: JobSpec, num_train: int) -> None:
    """Raises ``InvalidRequest`` if a batch is larger than the number of training samples."""
    if spec.batch_size > num_train:
        raise InvalidRequest(
            f"dataset_config.batch_size is {spec.batch_size}, but {spec.data.name} has only "
            f"{num_train} training samples: use at most {num_train}"
        )


def check_rows(options: TrainOptions, spec: JobSpec, num_train: int) -> None:
    """Raises ``InvalidRequest`` if batch norm would get a microbatch of one sample."""
    asked = options.num_microbatches
    accumulate = options.recipe.accumulate
    count = accumulate * (asked if isinstance(asked, int) else 1)
    step = spec.batch_size * accumulate
    last = num_train % step or step
    fewest = min(samples // min(count, samples) for samples in (step, last))
    if fewest < (wanted := min_rows(spec.model)):
        what = "the last batch of an epoch" if last < step else "a batch"
        raise InvalidRequest(
            f"dataset_config.batch_size is {spec.batch_size}: {what} has {last:,} samples in "
            f"{min(count, last)} microbatches, so that batch norm is given {fewest} at a time, but "
            f"needs {wanted}: use another batch_size, or fewer num_microbatches"
        )


def check_train_options(options: TrainOptions, spec: JobSpec, where: str = "") -> None:
    """Raises ``InvalidRequest`` if there are more microbatches than samples in a batch, if the
    task's loss can't be smoothed, or if the blocks to freeze or the metric to stop by don't exist.
    ``where`` is the field that holds the options."""
    try:
        learning_of(spec.model, options.recipe.freeze)
    except InvalidRequest as error:
        raise InvalidRequest(path(where, error.message)) from None
    if options.recipe.label_smoothing and not TASKS[spec.task.kind].smooths:
        raise InvalidRequest(
            f"{path(where, 'label_smoothing')} is {options.recipe.label_smoothing}, but the task "
            f"{spec.task.kind} has no labels to smooth: leave it out"
        )
    asked = options.num_microbatches
    if isinstance(asked, int) and asked > spec.batch_size:
        raise InvalidRequest(
            f"{path(where, 'num_microbatches')} is {asked}, but a batch has only "
            f"{spec.batch_size} samples: use at most {spec.batch_size}"
        )
    stopping = options.recipe.early_stopping
    if stopping is not None and stopping.metric not in spec.metrics:
        raise InvalidRequest(
            f"{path(where, 'early_stopping.metric')} is {stopping.metric!r}, but the validation "
            f"tells {', '.join(spec.metrics)}: take one of them"
        )
    of_batch, accumulate = asked if isinstance(asked, int) else 1, options.recipe.accumulate
    if of_batch * accumulate > MAX_MICROBATCHES:
        raise InvalidRequest(
            f"{path(where, 'accumulate')} is {accumulate}, which makes {of_batch * accumulate:,} "
            f"microbatches a step, but the limit is {MAX_MICROBATCHES:,}: use less of either"
        )


def decided_options(
    options: TrainOptions, spec: JobSpec, num_train: int, schedule: str, num_microbatches: int
) -> TrainOptions:
    """The options with the schedule and the ``num_microbatches`` of a step filled in, and with only
    as many epochs as ``max_steps`` needs for ``num_train`` samples. Raises ``InvalidRequest``."""
    accumulate, max_steps = options.recipe.accumulate, options.max_steps
    epochs = options.epochs
    if max_steps is not None:
        epoch_steps = -(-num_train // (spec.batch_size * accumulate))
        needed = epochs_for(max_steps, epoch_steps)
        if epochs == MAX_EPOCHS < needed:  # the request had no ``epochs``
            raise InvalidRequest(
                f"max_steps is {max_steps:,}, but an epoch of this job has {epoch_steps:,} steps "
                f"and a session {MAX_EPOCHS:,} epochs at most: ask for "
                f"{MAX_EPOCHS * epoch_steps:,} steps at most, and train again for more"
            )
        epochs = min(epochs, needed)
    decided = replace(
        options,
        epochs=epochs,
        schedule=schedule,
        num_microbatches=num_microbatches // accumulate,
    )
    check_rows(decided, spec, num_train)
    return decided


def default_num_microbatches(batch_size: int, num_stages: int) -> int:
    """As many microbatches as fill the pipeline without being too small to be worth sending.

    One stage needs one. Otherwise it is ``MICROBATCHES_PER_STAGE`` for each stage, but none has
    fewer than ``MIN_MICROBATCH_ROWS`` samples (``docs/benchmarks.md`` has the measurements).
    """
    if num_stages == 1:
        return 1
    return max(1, min(MICROBATCHES_PER_STAGE * num_stages, batch_size // MIN_MICROBATCH_ROWS))
