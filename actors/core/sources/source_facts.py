"""What is known of a source: what its samples are, how many there are, what they are for."""

from __future__ import annotations

from dataclasses import dataclass

from actors.core.input_form import MAX_PIXEL, InputForm
from actors.core.model.model_spec import TensorSpec
from actors.core.sources.views import SampleView, SampleViews


@dataclass(frozen=True)
class Column:
    """A column of a table, as an input. With ``categories`` it becomes one number for each of them,
    0 or 1, or, if ``is_numbered``, the place of its own among them; without, it is a number.
    ``fill`` stands for what is missing, of which there were ``num_missing`` in all rows."""

    name: str
    categories: tuple[str, ...] = ()
    is_numbered: bool = False
    fill: float | str | None = None
    num_missing: int = 0

    @property
    def width(self) -> int:
        """Numbers that it becomes."""
        return len(self.categories) if self.categories and not self.is_numbered else 1


@dataclass(frozen=True)
class SourceFacts:
    """``num_classes`` counts what a target may be: classes, or tokens; None where targets are
    numbers. ``task`` names the task that the data is clearly for. Inputs are tokens below
    ``num_tokens``, if that is not None; ``vocabulary`` has the character of each, where tokens are
    characters. ``class_names`` are in the order of the classes, where they have names;
    ``columns`` those of a table in the order in which a sample has them."""

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

    @property
    def inputs(self) -> TensorSpec:
        """One sample as a model is given it."""
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
        return InputForm(shape, is_pixels, self.num_tokens)

    @property
    def targets(self) -> TensorSpec:
        """What the model is to tell of one sample."""
        return self.views.targets.sample


CLASS = SampleView(TensorSpec((), "int64"))
"""The view of targets that are classes, int64 ``[n]``."""


@dataclass(frozen=True)
class Found:
    """What is in a source's arrays, by rows, or by tokens where they have none. ``mean`` and
    ``std`` are those of the training samples, as ``Scaling`` takes them; ``shape`` is a stored
    sample's, where only reading tells; the others are as in ``SourceFacts``."""

    num_train: int
    num_val: int
    num_classes: int | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    vocabulary: str | None = None
    shape: tuple[int, ...] = ()
    class_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
