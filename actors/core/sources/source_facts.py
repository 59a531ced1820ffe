"""What is known of a source: the kind and number of its samples, and the task they are for."""

from __future__ import annotations

from dataclasses import dataclass

from actors.core.input_form import MAX_PIXEL, Column, InputForm
from actors.core.model.model_spec import TensorSpec
from actors.core.sources.views import SampleView, SampleViews


@dataclass(frozen=True)
class SourceFacts:
    """The facts of a source.

    ``num_classes`` is the number of values of a target, classes or tokens; None if targets are
    numbers. ``task`` names the task that the data is clearly for. If ``num_tokens`` is not None,
    inputs are tokens below it. If tokens are characters, ``vocabulary`` has them in order.
    ``class_names`` are in the order of the classes, if they have names. ``columns`` are those of a
    table, in the order of a sample. If ``is_bytes``, tokens are the bytes of a text."""

    name: str
    views: SampleViews
    num_classes: int | None
    num_train: int
    num_val: int
    task: str
    num_tokens: int | None = None
    vocabulary: str | None = None
    class_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    is_bytes: bool = False

    @property
    def inputs(self) -> TensorSpec:
        """One sample as the model gets it."""
        return self.views.inputs.sample

    @property
    def input_form(self) -> InputForm:
        """One sample as it is stored."""
        view, shape = self.views.inputs, self.inputs.shape
        is_pixels = view.scaling is not None and view.scaling.unit == MAX_PIXEL
        if view.stored:
            shape = view.stored
        elif view.repeated != 1:
            shape = (1, *shape[1:])
        return InputForm(
            shape, is_pixels, self.num_tokens, self.columns, self.vocabulary, self.is_bytes
        )

    @property
    def targets(self) -> TensorSpec:
        """The model's output for one sample."""
        return self.views.targets.sample


CLASS = SampleView(TensorSpec((), "int64"))
"""The view of targets that are classes, int64 ``[n]``."""


@dataclass(frozen=True)
class Found:
    """What a source's arrays hold. Numbers count rows, or tokens if there are no rows. ``mean`` and
    ``std`` are those of the training samples, as in ``Scaling``. ``shape`` is that of a stored
    sample, if only reading tells. The others are as in ``SourceFacts``."""

    num_train: int
    num_val: int
    num_classes: int | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    vocabulary: str | None = None
    shape: tuple[int, ...] = ()
    class_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
