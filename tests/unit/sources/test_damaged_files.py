"""Files that are cut short, or that change while they are read: the error names the file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.core.errors import DatasetUnavailable
from actors.core.rows import image_decoding
from actors.core.sources import registry
from actors.core.sources.registry import facts_of_source, read_like
from tests.support.own_files import encoded, picture, write_folder, write_tar
from tests.support.sources import folders, read, source_of

FIELDS: dict[str, dict[str, Any]] = {
    "csv": {"target": "y"},
    "jsonl": {"target": "y"},
    "npz": {"inputs": "x", "target": "y"},
    "text": {"context": 4},
    "webdataset": {},
}
"""By the format; its file is called like it."""


def write(folder: Path) -> None:
    """A file of each format."""
    (folder / "csv").write_text("x,y\n" + "1,a\n2,b\n" * 9)
    (folder / "jsonl").write_text('{"x": 1, "y": "a"}\n{"x": 2, "y": "b"}\n' * 9)
    with (folder / "npz").open("wb") as file:
        np.savez(file, x=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2)
    (folder / "text").write_text("to be or not to be " * 20)
    images = {f"{i}.png": encoded(picture(i)) for i in range(10)}
    classes = {f"{i}.cls": (b"cat", b"dog")[i % 2] for i in range(10)}
    write_tar(folder / "webdataset", {**images, **classes})


@pytest.mark.parametrize("suffix", sorted(image_decoding.SUFFIXES))
def test_an_image_that_is_cut_short_is_refused(tmp_path: Path, suffix: str) -> None:
    write_folder(tmp_path / "pets", {"cat": 3, "dog": 3}, suffix=suffix)
    path = tmp_path / "pets" / "cat" / f"001{suffix}"
    content = path.read_bytes()
    for kept in (0, 10, len(content) // 2, len(content) * 4 // 5):
        path.write_bytes(content[:kept])
        with pytest.raises(DatasetUnavailable, match=rf"cat/001\{suffix}.*replace it"):
            read("image_folder", tmp_path, path="pets")


@pytest.mark.parametrize("name", FIELDS)
def test_a_file_that_changes_while_it_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name in ("csv", "jsonl"):
        pytest.importorskip("pyarrow")
    write(tmp_path)
    config = {"path": name, **FIELDS[name]}
    facts = facts_of_source(source_of(name, **config), read(name, tmp_path, **config).found)
    kind = registry.SOURCES[name]

    def changing(read_files: Any) -> Any:
        def read_and_change(*given: Any) -> Any:
            found = read_files(*given)
            os.utime(tmp_path / name, ns=(1, 1))
            return found

        return None if read_files is None else read_and_change

    changed = replace(kind, read=changing(kind.read), read_like=changing(kind.read_like))
    monkeypatch.setitem(registry.SOURCES, name, changed)
    with pytest.raises(DatasetUnavailable, match=f"/{name} changed while it was read"):
        read(name, tmp_path, **config)
    os.utime(tmp_path / name)
    with pytest.raises(DatasetUnavailable, match=f"/{name} changed while it was read"):
        read_like(source_of(name, **config), folders(tmp_path), facts, 2**30)
