"""Evaluates a trained model as its stages would validate it, in one process."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import ray
import torch

from actors.core.evaluation.evaluation import Evaluation
from actors.core.model.blocks import empty_blocks, num_blocks
from actors.core.patience import patience_s
from actors.core.recipe.precision import computing, for_loss
from actors.core.rows.row_reader import Inputs
from actors.core.sources.samples import SamplePlaces
from actors.core.sources.views import SampleView
from actors.core.stages.batches import validation_chunks
from actors.core.stages.compute_device import CPU
from actors.core.stages.replay import ThreadedPart, threaded_parts
from actors.core.stages.specs import SessionSpec
from actors.feeding.given_rows import GivenRows
from orchestrator.data.stored_objects import stored_bytes
from orchestrator.data.stored_splits import StoredSplit
from orchestrator.models.evaluation_plan import EvaluationPlan
from orchestrator.models.trained_model import TrainedModel

# The arrays are shared with other processes; they are only ever read.
warnings.filterwarnings("ignore", message="The given NumPy array is not writable")


def evaluate(plan: EvaluationPlan, model: TrainedModel) -> dict[str, Any]:
    """The answer of ``POST /api/jobs/<job_id>/evaluate``. Raises what reading the data does."""
    begin = time.monotonic()
    layers = empty_blocks(plan.model, 0, num_blocks(plan.model)).eval()
    layers.load_state_dict({name: torch.tensor(array) for name, array in model.weights.items()})
    parts = threaded_parts(layers, plan.model, plan.layers)
    evaluation = Evaluation(plan.task, plan.num_worst)
    places = {
        name: _evaluate_split(plan, parts, evaluation, name, split) for name, split in plan.splits
    }
    told = evaluation.result()
    return {
        "job_id": plan.job_id,
        "data": plan.data,
        "splits": [name for name, _ in plan.splits],
        **told,
        "class_names": list(plan.class_names) or None,
        "classes": [_named(own, plan.class_names) for own in told["classes"]],
        "worst": [_placed(own, places) for own in told["worst"]],
        "seconds": time.monotonic() - begin,
    }


def _evaluate_split(
    plan: EvaluationPlan,
    parts: Sequence[ThreadedPart],
    evaluation: Evaluation,
    name: str,
    split: StoredSplit,
) -> SamplePlaces:
    """Evaluates chunk by chunk, like a validation; returns where the samples are from."""
    references = [split.inputs, split.targets, split.places]
    timeout_s = patience_s(stored_bytes(references))
    inputs, targets, places = ray.get(references, timeout=timeout_s)
    views = plan.views.for_validation()
    session = _session(plan, _num_samples(views.inputs, inputs))
    with ExitStack() as until:
        rows = GivenRows(split.inputs, inputs, plan.reading).validation(session, until)
        stored_targets = torch.from_numpy(targets)
        for chunk in validation_chunks(session):
            given = CPU.load(views.inputs, rows.of_chunk(chunk), chunk)
            outputs = _outputs(parts, given, plan.precision)
            wanted = CPU.load(views.targets, stored_targets, chunk)
            evaluation.add(outputs, wanted, name, chunk.start)
    found: SamplePlaces = places
    return found


def _outputs(parts: Sequence[ThreadedPart], inputs: torch.Tensor, precision: str) -> torch.Tensor:
    outputs = inputs
    with torch.no_grad():
        for part in parts:
            torch.set_num_threads(part.threads)
            with computing(precision, inputs.device):
                outputs = part.layers(outputs)
    return for_loss(outputs)


def _num_samples(view: SampleView, inputs: Inputs) -> int:
    """A text has as many as it has windows whose next tokens are there, too."""
    rows, window = inputs.shape[0], view.window
    return rows if window is None else (rows - 1 - window.length) // window.stride + 1


def _session(plan: EvaluationPlan, num_samples: int) -> SessionSpec:
    """The session that says how samples are cut into chunks and blocks."""
    return SessionSpec(
        generation=0,
        epochs=1,
        batch_size=1,
        val_batch_size=plan.val_batch_size,
        num_train=num_samples,
        num_val=num_samples,
        views=plan.views,
        task=plan.task,
    )


def _named(own: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {"name": names[own["index"]] if names else None, **own}


def _placed(own: Mapping[str, Any], places: Mapping[str, SamplePlaces]) -> dict[str, Any]:
    return {**own, "place": places[own["split"]].of(own["index"])}
