"""Describes and uses trained weights when nothing trains."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch

from actors.core.asking.asked_table import FIELD, AskedTable
from actors.core.asking.generation import generated, looks_ahead
from actors.core.asking.prompts import Prompts, text_of
from actors.core.asking.question import AskedSamples
from actors.core.asking.table_encoding import encoded_rows
from actors.core.errors import InvalidRequest
from actors.core.model.blocks import empty_blocks, num_blocks
from actors.core.model.facts import model_facts
from actors.core.model.model_spec import TensorSpec
from actors.core.sources.kinds.table_files import READING_FIELDS
from actors.core.sources.views import SampleView, Scaling
from actors.core.stages.stage import Weights
from actors.core.tasks.registry import TASKS
from orchestrator.jobs.job_spec import JobSpec
from orchestrator.models.model_config import model_json, model_of_json
from orchestrator.models.trained_model import ModelFacts, TrainedModel

Array = np.ndarray[Any, Any]


def facts_of(spec: JobSpec) -> ModelFacts:
    """The inputs and outputs of a job's model."""
    model, facts, view = spec.model, model_facts(spec.model), spec.data.views.inputs
    scaling = view.scaling or Scaling((), ())
    answer = TASKS[spec.task.kind].predictions(torch.zeros(1, *facts[-1].outputs.shape))
    return ModelFacts(
        model_json(model),
        model.inputs.shape,
        model.inputs.dtype,
        spec.data.input_form,
        max(values.numel() for values in answer.values()),
        spec.task.kind,
        sum(block.parameter_bytes + block.buffer_bytes for block in facts),
        model.inputs.num_bytes + sum(b.outputs.num_bytes + b.largest.of(1) for b in facts),
        scaling.mean,
        scaling.std,
        scaling.unit,
        spec.data.name,
        view.repeated,
        view.for_validation().transforms,
        spec.data.class_names,
        table_reading={
            name: value for name, value in spec.source.arguments if name in READING_FIELDS
        },
    )


def trained_model(spec: JobSpec, weights: Weights) -> TrainedModel:
    """The arrays are views of the weights' own memory."""
    arrays = {name: tensor.detach().numpy() for name, tensor in weights.items()}
    return TrainedModel(facts_of(spec), arrays)


class Network:
    """A trained model that answers questions about samples as the data is stored, such as pixels
    0..255."""

    def __init__(self, model: TrainedModel) -> None:
        own = self._facts = model.facts
        scaling = Scaling(own.mean, own.std, own.unit) if own.mean else None
        sample = TensorSpec(own.shape, own.dtype)
        self._view = SampleView(sample, scaling, None, own.repeated, own.transforms)
        spec = model_of_json(model.facts.model, model.facts.shape)
        self._layers = empty_blocks(spec, 0, num_blocks(spec)).eval()
        self._layers.load_state_dict({n: torch.tensor(a) for n, a in model.weights.items()})

    def answer(
        self, asked: Array | AskedSamples | AskedTable | Prompts, first: int = 0
    ) -> dict[str, Any]:
        """One block of a question: arrays of the task's answer, or ``texts``. ``first`` is its
        first sample's index in the request, for errors. Raises ``InvalidRequest``."""
        if isinstance(asked, Prompts):
            return {"texts": self._texts(asked, first)}
        if isinstance(asked, np.ndarray):
            return self.predict(asked, first)
        if isinstance(asked, AskedTable):
            return self._of_table(asked)
        return self.predict(asked.rows(self._facts.inputs, first), first, asked.field)

    def predict(self, rows: Array, first: int = 0, field: str = "inputs") -> dict[str, Array]:
        """The task's answer (``TaskKind.predictions``) for float32 rows.

        Raises ``InvalidRequest`` if a result is not finite.
        """
        stored = torch.tensor(rows).view(-1, *self._facts.inputs.shape)
        if self._view.transforms:  # which take pixels as bytes
            stored = self._view.gather(stored.round().to(torch.uint8), slice(None))
        outputs = self._outputs(self._view.prepare(stored))
        answer = TASKS[self._facts.task].predictions(outputs)
        for values in answer.values():
            _check_finite(values.flatten(1) if values.ndim > 1 else values[:, None], first, field)
        return {name: values.numpy() for name, values in answer.items()}

    def _of_table(self, asked: AskedTable) -> dict[str, Array]:
        own, first = self._facts, 0
        answers = []
        for rows in encoded_rows(asked, own.inputs, own.table_reading, own.block_rows):
            answers.append(self.predict(rows, first, FIELD))
            first += len(rows)
        return {name: np.concatenate([part[name] for part in answers]) for name in answers[0]}

    def _texts(self, asked: Prompts, first: int) -> list[str]:
        form = self._facts.inputs
        (context,) = form.shape
        tokens = asked.tokens(form, first)
        for index, own in enumerate(tokens):
            if not own or (len(own) < context and self._looks_ahead):
                raise InvalidRequest(
                    f"prompts[{first + index}] has {len(own)} tokens, but must have at least "
                    f"{context if self._looks_ahead else 1}: {_why(self._looks_ahead)}"
                )
        found = generated(self._outputs, context, tokens, asked, first)
        return [text_of(own, form) for own in found]

    @functools.cached_property
    def _looks_ahead(self) -> bool:
        form = self._facts.inputs
        assert form.num_tokens is not None, "it takes a text"
        return looks_ahead(self._outputs, form.shape[0], form.num_tokens)

    def _outputs(self, inputs: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            outputs: torch.Tensor = self._layers(inputs)
        return outputs


def _why(looks_ahead: bool) -> str:
    if looks_ahead:
        return (
            "the network's layers are not causal, so it can't be asked before its context is full"
        )
    return "begin with a character that the text could begin with, such as a line break"


def _check_finite(values: torch.Tensor, first: int, field: str) -> None:
    """JSON has no NaN."""
    for index, finite in enumerate(values.isfinite().all(dim=1).tolist()):
        if not finite:
            raise InvalidRequest(
                f"{field}[{first + index}] is too large for the network's float32: it takes "
                "samples as the data is stored, such as pixels from 0 to 255"
            )
