from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.core.sources import inspection
from actors.core.sources.registry import facts_of_source
from orchestrator.jobs.job_spec import parse_job_spec
from orchestrator.models.suggestion import suggested_job
from tests.support.own_files import write_folder
from tests.support.sources import read, source_of


def told_of(name: str, folder: Path, **config: Any) -> dict[str, Any]:
    samples = read(name, folder, **config)
    facts = facts_of_source(source_of(name, **config), samples.found)
    told = inspection.inspected(samples, facts)
    assert json.loads(json.dumps(told)) == told
    return told


def test_a_folder_of_images_is_told_by_its_classes(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets" / "train", {"cat": 3, "dog": 2})
    write_folder(tmp_path / "pets" / "val", {"cat": 1})
    (tmp_path / "pets" / "train" / "cat" / "notes.txt").write_text("x")
    told = told_of("image_folder", tmp_path, path="pets")
    assert told["classes"] == [
        {"name": "cat", "num_train": 3, "num_val": 1},
        {"name": "dog", "num_train": 2, "num_val": 0},
    ]
    assert told["inputs"] == {"shape": [3, 6, 8], "dtype": "float32", "kind": "pixels"}
    assert told["num_skipped"] == 1 and told["skipped"][0]["place"].endswith("cat/notes.txt")
    assert [Path(one["place"]).name for one in told["examples"]] == [
        "000.png",
        "002.png",
        "001.png",
    ]
    assert [one["target"] for one in told["examples"]] == ["cat", "cat", "dog"]


@pytest.mark.parametrize("categories", ["one_hot", "integers"])
def test_a_table_is_told_by_its_columns(tmp_path: Path, categories: str) -> None:
    pytest.importorskip("pyarrow")
    rows = [f"{i if i % 5 else ''},{'rgb'[i % 3]},{'yes' if i % 2 else 'no'}" for i in range(20)]
    (tmp_path / "a.csv").write_text("\n".join(["size,colour,kind", *rows]))
    config = {"path": "a.csv", "target": "kind", "missing_numbers": 0.5, "categories": categories}
    told = told_of("csv", tmp_path, **config)
    size, colour = told["columns"]
    assert (size["type"], size["num_missing"], size["missing_filled_with"]) == ("numbers", 4, 0.5)
    assert (colour["type"], colour["categories"]) == ("categories", ["b", "g", "r"])
    first = told["examples"][0]
    assert first["input"] == {"size": 0.5, "colour": "r"} and first["target"] == "no"


def test_a_text_is_told_by_its_characters(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("To be, or not to be. " * 20)
    told = told_of("text", tmp_path, path="a.txt", context=8)
    assert told["inputs"]["kind"] == "tokens" and told["classes"] == []
    assert told["examples"][0] == {"place": None, "input": "To be, o", "target": None}


def test_lists_are_cut_and_all_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "MAX_LISTED", 2)
    write_folder(tmp_path / "pets", {name: 3 for name in "abc"})
    for i in range(4):
        (tmp_path / "pets" / "a" / f"{i}.txt").write_text("x")
    told = told_of("image_folder", tmp_path, path="pets")
    assert (len(told["classes"]), told["num_classes"]) == (2, 3)
    assert (len(told["skipped"]), told["num_skipped"]) == (2, 4)


SUGGESTED: dict[str, tuple[str, dict[str, Any]]] = {
    "small images": ("digits", {}),
    "large images": ("digits", {"resize": [28, 28], "channels": 3}),
    "rows": ("iris", {}),
    "numbers": ("diabetes", {}),
    "text": ("text", {"path": "a.txt", "context": 16}),
    "tokens": (
        "synthetic",
        {"inputs": [8], "dtype": "int64", "num_tokens": 5, "classes": 3, "num_train": 9},
    ),
    "labels": ("synthetic", {"inputs": [8], "labels": 3}),
    "tiny images": ("npz", {"path": "a.npz"}),
}


@pytest.mark.parametrize("kind", SUGGESTED)
def test_a_job_that_is_suggested_can_be_created(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.txt").write_text("To be, or not to be. " * 20)
    np.savez(tmp_path / "a.npz", x=np.zeros((9, 4, 4), np.uint8), y=np.arange(9) % 2)
    name, config = SUGGESTED[kind]
    source = source_of(name, **config)
    found = read(name, tmp_path, **config).found
    suggested = suggested_job(facts_of_source(source, found))
    by = "format" if name in ("text", "npz") else "name"
    dataset = {by: name, **config, "batch_size": suggested["batch_size"]}
    spec = parse_job_spec(
        suggested["model_config"], dataset, lambda _: found, suggested["train_config"]
    )
    assert spec.num_blocks >= 2
