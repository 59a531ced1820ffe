"""Blocks of rows stay within the memory for data, however large transforms make the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actors.core.sources.images import image_views
from actors.core.sources.registry import read_source
from actors.core.sources.transforms.registry import parse_transforms
from actors.core.sources.views import Scaling
from actors.feeding.given_rows import GivenRows
from actors.feeding.reading import Reading
from tests.support.own_files import write_folder
from tests.support.sources import folders, source_of

IMAGES = np.zeros((20, 1, 8, 8), np.uint8)
SCALING = Scaling((0.5,), (0.5,), 255.0)


@pytest.mark.parametrize(("side", "rows"), [(None, 100), (4, 100), (8, 100), (16, 25), (800, 1)])
def test_a_block_holds_as_many_rows_as_fit_before_and_after_their_transforms(
    side: int | None, rows: int
) -> None:
    given = [] if side is None else [{"type": "RandomResizedCrop", "size": side}]
    for repeated in (1, 3):
        transforms = parse_transforms("transform", given)
        view = image_views(transforms, (1, 8, 8), SCALING, 2, repeated).inputs
        found = GivenRows(None, IMAGES, Reading("", 6_400, 2))
        assert found.max_rows(view) == found.max_rows(view.for_validation()) == rows


def test_files_are_waited_for_as_long_as_their_bytes_take(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {"cat": 5, "dog": 5})
    source = source_of("image_folder", path="pets", resize=[2, 2])
    rows = read_source(source, folders(tmp_path), 0).train.inputs
    view = image_views((), (3, 2, 2), SCALING, 2).inputs
    found = GivenRows(None, rows, Reading("", 6_400, 2))
    samples = np.array([0, 3, 5])
    sizes = [rows.ref(i).path.stat().st_size for i in samples]
    assert found.handled_bytes(view, samples) == sum(sizes) + 3 * 3 * 2 * 2
    in_memory = GivenRows(None, rows.rows(np.arange(8)), Reading("", 6_400, 2))
    assert in_memory.handled_bytes(view, samples) == 3 * 3 * 2 * 2
