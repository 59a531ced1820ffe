"""scikit-learn's embedded tables: rows of numbers, with a class or a number for each."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import numpy as np

from actors.core.errors import DatasetUnavailable, error_text
from actors.core.fields import flag
from actors.core.folders import Folders
from actors.core.model.model_spec import TensorSpec
from actors.core.rows.row_reader import Array
from actors.core.sources.registry import SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Split, column_statistics
from actors.core.sources.source_facts import CLASS, Found, SourceFacts
from actors.core.sources.views import SampleView, SampleViews, Scaling

SPLIT_SEED = 0
VAL_SHARE = 0.2
REMEDY = "Install scikit-learn again"


@dataclass(frozen=True)
class Table:
    """``num_classes`` is None if a row's target is a number."""

    name: str
    says: str
    num_features: int
    num_classes: int | None

    def read(self, spec: SourceSpec, folders: Folders) -> Samples:
        """Keeps one row in five for validation, drawn by a fixed seed."""
        inputs, targets = self._arrays()
        # Its streams are promised to stay the same in every version of numpy.
        order = np.random.RandomState(SPLIT_SEED).permutation(len(inputs))
        num_val = round(len(inputs) * VAL_SHARE)
        place = f"scikit-learn's {self.name}"
        val, train = (
            Split(inputs[own], targets[own], place, place)
            for own in (order[:num_val], order[num_val:])
        )
        mean, std = column_statistics(train.inputs)
        found = Found(len(train.inputs), num_val, self.num_classes, mean, std)
        return Samples(train, val, found)

    def facts(self, spec: SourceSpec, found: Found) -> SourceFacts:
        """Standardises the inputs by the training rows, unless ``normalize`` is false."""
        scaling = Scaling(found.mean, found.std) if spec.keywords["normalize"] else None
        inputs = SampleView(TensorSpec((self.num_features,)), scaling)
        is_numbers = self.num_classes is None
        targets = SampleView(TensorSpec((1,))) if is_numbers else CLASS
        return SourceFacts(
            self.name,
            SampleViews(inputs, targets),
            self.num_classes,
            found.num_train,
            found.num_val,
            "regression" if is_numbers else "classification",
        )

    def _arrays(self) -> tuple[Array, Array]:
        try:
            load = getattr(importlib.import_module("sklearn.datasets"), f"load_{self.name}")
            bunch = load() if self.num_classes is not None else load(scaled=False)
        except (ImportError, AttributeError, OSError, ValueError, EOFError) as error:
            raise DatasetUnavailable(
                f"scikit-learn's {self.name} can't be read ({error_text(error)}). {REMEDY}"
            ) from error
        inputs = bunch.data.astype(np.float32)
        if self.num_classes is None:
            return inputs, bunch.target.astype(np.float32)[:, None]
        return inputs, bunch.target.astype(np.int64)


TABLES = (
    Table("iris", "150 flowers of 3 kinds, by 4 measures", 4, 3),
    Table("wine", "178 wines of 3 growers, by 13 measures", 13, 3),
    Table("breast_cancer", "569 tumours, malignant or benign, by 30 measures", 30, 2),
    Table("diabetes", "442 patients by 10 measures: how far the disease got in a year", 10, None),
)
for table in TABLES:
    add_source(
        SourceKind(
            table.name,
            f"{table.says}; a table that comes with scikit-learn",
            table.read,
            table.facts,
            fields={"normalize": flag(True)},
            view_fields=frozenset({"normalize"}),
            remedy=REMEDY,
        )
    )
