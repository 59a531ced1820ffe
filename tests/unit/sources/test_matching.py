"""Other data, for a model that was trained on some: by the names and the form of these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.core.errors import CallerError, DatasetUnavailable, InvalidRequest
from actors.core.sources.registry import facts_of_source, read_like
from actors.core.sources.samples import Split, places_of
from actors.core.sources.source_facts import SourceFacts
from tests.support.own_files import encoded, picture, write_folder, write_tar
from tests.support.sources import folders, read, source_of


def known_of(kind: str, folder: Path, **config: Any) -> SourceFacts:
    """What a model was trained on."""
    return facts_of_source(source_of(kind, **config), read(kind, folder, **config).found)


def like(
    known: SourceFacts, kind: str, folder: Path, max_bytes: int = 2**30, **config: Any
) -> tuple[Split, ...]:
    return read_like(source_of(kind, **config), folders(folder), known, max_bytes)


def refused(
    error: type[CallerError],
    *named: str,
    known: SourceFacts,
    kind: str,
    folder: Path,
    **config: Any,
) -> None:
    with pytest.raises(error) as caught:
        like(known, kind, folder, **config)
    assert type(caught.value) is error
    for word in named:
        assert word in caught.value.message, caught.value.message


@pytest.fixture
def pets(tmp_path: Path) -> SourceFacts:
    write_folder(tmp_path / "pets", {"bird": 5, "cat": 5, "dog": 5})
    return known_of("image_folder", tmp_path, path="pets")


def test_classes_are_numbered_by_the_names_of_the_training(
    pets: SourceFacts, tmp_path: Path
) -> None:
    write_folder(tmp_path / "others", {"cat": 3, "dog": 3})
    for max_bytes in (2**30, 0):
        splits = like(pets, "image_folder", tmp_path, max_bytes, path="others")
        assert sorted(np.concatenate([own.targets for own in splits])) == [1, 1, 1, 2, 2, 2]
        for own in splits:
            names = [Path(place).parent.name for place in own.places]
            assert [pets.class_names[i] for i in own.targets] == names
            assert places_of(own).of(0) == own.places[0]


def test_what_the_training_had_not_is_refused_by_name(pets: SourceFacts, tmp_path: Path) -> None:
    write_folder(tmp_path / "others", {"cat": 3, "fox": 3})
    given: dict[str, Any] = {"known": pets, "folder": tmp_path}
    refused(InvalidRequest, "class 'fox'", "'cat'", kind="image_folder", path="others", **given)
    refused(
        InvalidRequest,
        "[3, 4, 4]",
        "[3, 6, 8]",
        kind="image_folder",
        path="pets",
        resize=[4, 4],
        **given,
    )
    refused(InvalidRequest, "[1, 8, 8]", "resize", kind="digits", **given)
    refused(InvalidRequest, "[4]", kind="iris", **given)


def test_classes_without_names_are_known_by_their_numbers(tmp_path: Path) -> None:
    known = known_of("iris", tmp_path)
    assert len(like(known, "iris", tmp_path)) == 2
    np.savez(tmp_path / "a.npz", x=np.zeros((10, 4), np.float32), y=np.arange(10) % 5)
    wrong: dict[str, Any] = {"kind": "npz", "path": "a.npz", "inputs": "x", "target": "y"}
    refused(InvalidRequest, "class 4", "0 to 2", known=known, folder=tmp_path, **wrong)
    np.savez(tmp_path / "a.npz", x=np.zeros((10, 4), np.float32), y=np.arange(10) / 2)
    refused(InvalidRequest, "numbers", "classes", known=known, folder=tmp_path, **wrong)


def test_a_text_is_read_by_the_characters_of_the_training(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abcdef" * 20)
    (tmp_path / "b.txt").write_text("fbd" * 20)
    known = known_of("text", tmp_path, path="a.txt", context=4)
    (whole,) = like(known, "text", tmp_path, path="b.txt", context=4)
    assert whole.targets is whole.inputs and known.vocabulary is not None
    assert "".join(known.vocabulary[i] for i in whole.inputs) == "fbd" * 20
    assert whole.inputs.dtype == np.uint8
    assert places_of(whole).of(3) is None
    given: dict[str, Any] = {"known": known, "kind": "text", "folder": tmp_path, "context": 4}
    (tmp_path / "b.txt").write_text("xyz" * 20)
    refused(InvalidRequest, "character 'x'", path="b.txt", **given)
    (tmp_path / "b.txt").write_text("abc")
    refused(InvalidRequest, "3 tokens", "at least 5", path="b.txt", **given)
    refused(InvalidRequest, "'characters'", path="a.txt", tokens="bytes", **given)
    refused(
        InvalidRequest,
        "is a text",
        path="a.txt",
        context=4,
        kind="text",
        folder=tmp_path,
        known=known_of("iris", tmp_path),
    )


def test_a_table_is_encoded_by_the_columns_of_the_training(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    rows = [{"a": i, "b": ("x", "y", None)[i % 3], "kind": "pq"[i % 2]} for i in range(30)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    config: dict[str, Any] = {"target": "kind", "missing_categories": "own_category"}
    known = known_of("jsonl", tmp_path, path="a.jsonl", **config)
    others = [
        {"kind": "q", "more": 1, "b": "y", "a": 5},
        {"kind": "q", "more": 2, "b": None, "a": 6},
    ]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, others)))
    (whole,) = like(known, "jsonl", tmp_path, path="b.jsonl", **config)
    assert whole.inputs.tolist() == [[5, 0, 1, 0], [6, 0, 0, 1]]
    assert whole.targets.tolist() == [1, 1]
    assert places_of(whole).of(1) == f"{tmp_path / 'b.jsonl'}, row 2"
    given: dict[str, Any] = {"known": known, "kind": "jsonl", "folder": tmp_path, **config}
    for changed, error, named in [
        ({"a": 1, "b": "z", "kind": "p"}, DatasetUnavailable, "'z'"),
        ({"a": 1, "b": "x", "kind": "r"}, DatasetUnavailable, "'r'"),
        ({"a": 1, "kind": "p"}, InvalidRequest, "'b'"),
    ]:
        (tmp_path / "b.jsonl").write_text(json.dumps(changed))
        refused(error, named, path="b.jsonl", **given)
    refused(
        InvalidRequest,
        "named columns",
        known=known_of("iris", tmp_path),
        kind="jsonl",
        folder=tmp_path,
        path="a.jsonl",
        target="kind",
    )


def test_classes_whose_names_are_numbers_are_these_numbers(tmp_path: Path) -> None:
    rows = np.zeros((24, 6, 8), np.uint8)
    np.savez(tmp_path / "a.npz", x=rows, y=np.arange(24) % 12)
    arrays: dict[str, Any] = {"path": "a.npz"}
    write_folder(tmp_path / "some", {"3": 2, "11": 1}, mode="L")
    numbered = known_of("npz", tmp_path, **arrays)
    (found,) = like(numbered, "image_folder", tmp_path, path="some")
    assert found.targets.tolist() == [11, 3, 3]
    write_folder(tmp_path / "all", {str(i): 2 for i in range(12)}, mode="L")
    named = known_of("image_folder", tmp_path, path="all")
    (found,) = like(named, "npz", tmp_path, **arrays)
    assert [named.class_names[i] for i in found.targets] == [str(i % 12) for i in range(24)]
    given: dict[str, Any] = {"folder": tmp_path, "known": numbered, "kind": "image_folder"}
    write_folder(tmp_path / "pets", {"cat": 2, "dog": 2}, mode="L")
    refused(InvalidRequest, "'cat', 'dog'", "0 to 11", path="pets", **given)
    write_folder(tmp_path / "more", {"12": 1}, mode="L")
    refused(InvalidRequest, "class 12", "0 to 11", path="more", **given)


@pytest.mark.parametrize("kind", ["image_folder", "webdataset", "npz"])
def test_a_single_sample_is_enough_to_evaluate_with(
    pets: SourceFacts, tmp_path: Path, kind: str
) -> None:
    if kind == "image_folder":
        write_folder(tmp_path / "one", {"dog": 1})
    elif kind == "webdataset":
        write_tar(tmp_path / "one", {"1.png": encoded(picture(0)), "1.cls": b"dog"})
    else:
        with (tmp_path / "one").open("wb") as file:
            np.savez(file, x=np.zeros((1, 3, 6, 8), np.uint8), y=np.array([2]))
    (found,) = like(pets, kind, tmp_path, path="one")
    assert found.targets.tolist() == [2] and found.inputs.shape == (1, 3, 6, 8)
