"""What a trained model is to be evaluated with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.fields import shown_value
from actors.core.model.blocks import num_blocks
from actors.core.model.model_spec import ModelSpec
from actors.core.sources.registry import SOURCES, SourceSpec, parse_source
from actors.core.sources.views import SampleViews
from actors.core.stages.replay import LayerThreads
from actors.core.tasks.task_spec import TaskSpec
from actors.feeding.reading import Reading
from orchestrator.data.datasets import DatasetStore
from orchestrator.data.stored_splits import StoredSplit
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_spec import JobSpec

Uploads = Mapping[str, Mapping[str, Any]]
TRAINING, VALIDATION, ALL = "training", "validation", "all"
USUAL_WORST = 20
OF_THE_SPLIT = frozenset(
    {"path", "val_path", "val_inputs", "val_target", "validation_split", "seed"}
)
"""Fields that say which samples there are, and not what a sample is."""


@dataclass(frozen=True)
class EvaluationPlan:
    """``layers`` have the threads, and ``precision`` is the one, that the last session validated
    with: the bits depend on both. ``splits`` come by their names; ``data`` is the data's name."""

    job_id: str
    data: str
    model: ModelSpec
    views: SampleViews
    task: TaskSpec
    class_names: tuple[str, ...]
    val_batch_size: int
    precision: str
    layers: tuple[LayerThreads, ...]
    splits: tuple[tuple[str, StoredSplit], ...]
    reading: Reading
    num_worst: int


def plan_evaluation(
    job: Job,
    datasets: DatasetStore,
    dataset_config: Mapping[str, Any] | None,
    split: str | None,
    num_worst: int,
    uploads: Uploads,
) -> EvaluationPlan:
    """Without a ``dataset_config`` with the job's own data; ``uploads`` has the fields of each
    uploaded data set. Loads the data, which may take minutes. Raises ``InvalidRequest``,
    ``DatasetUnavailable``, ``DatasetChanged``."""
    spec = job.spec
    if dataset_config is None:
        stored = datasets.get_for(job)
        found, reading = {TRAINING: stored.train, VALIDATION: stored.val}, stored.reading
        name, usual = spec.data.name, VALIDATION
    else:
        source = source_like(spec, dataset_config, uploads)
        others = datasets.tasks.load_like(source, spec.data)
        names = (ALL,) if len(others.splits) == 1 else (TRAINING, VALIDATION)
        found, reading = dict(zip(names, others.splits, strict=True)), others.reading
        name, usual = str(source.upload or source.keywords.get("path") or source.name), ALL
    options = job.sessions[-1].options if job.sessions else spec.train
    return EvaluationPlan(
        job.job_id,
        name,
        spec.model,
        spec.views,
        spec.task,
        spec.data.class_names or tuple(spec.data.vocabulary or ""),
        spec.val_batch_size,
        options.recipe.precision,
        _threads(job),
        _chosen(found, split or usual, name),
        reading,
        num_worst,
    )


def source_like(spec: JobSpec, config: Mapping[str, Any], uploads: Uploads) -> SourceSpec:
    """Fields that ``config`` leaves out, and that say what a sample is, are those of the job's own
    data. Raises ``InvalidRequest``."""
    given = {name: value for name, value in config.items() if value is not None}
    stated = {**uploads.get(str(given.get("name")), {}), **given}
    kind = SOURCES.get(str(stated.get("format") or stated.get("name")))
    if kind is None:
        return parse_source(given, uploads)  # which raises
    jobs_own = {**uploads.get(str(spec.config.dataset.get("name")), {}), **spec.config.dataset}
    left_out = kind.fields.keys() - stated.keys() - OF_THE_SPLIT
    carried = {name: value for name, value in jobs_own.items() if name in left_out}
    channels = spec.data.input_form.shape[0]
    if kind.is_format and "channels" in left_out and channels in (1, 3):
        carried["channels"] = channels  # or a folder of grey images would be read as such
    return parse_source({**carried, **given}, uploads)


def _chosen(
    found: Mapping[str, StoredSplit], wanted: str, name: str
) -> tuple[tuple[str, StoredSplit], ...]:
    if wanted == ALL:
        return tuple(found.items())
    if wanted not in found:
        raise InvalidRequest(
            f"split is {shown_value(wanted)}, but {name} is read as a whole: leave split out"
        )
    return ((wanted, found[wanted]),)


def _threads(job: Job) -> tuple[LayerThreads, ...]:
    """Those of the last session's last devices; one thread where nobody noted them."""
    computed = job.sessions[-1].computed if job.sessions else []
    for known in reversed(computed):
        if known.layers:
            return tuple(LayerThreads(own.start, own.end, own.threads) for own in known.layers)
    return (LayerThreads(0, num_blocks(job.spec.model), 1),)
