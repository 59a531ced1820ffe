from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.sources.kinds import text as text_source
from actors.core.sources.registry import facts_of_source, parse_source
from actors.core.sources.samples import Samples
from actors.core.sources.source_facts import SourceFacts
from tests.support.sources import read

TEXT = "To be, or not to be: daß ist 这 🤔\r\n" * 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_bytes(TEXT.encode())
    return tmp_path


def read_text(folder: Path, **config: Any) -> Samples:
    return read("text", folder, **{"path": "text.txt", "context": 8, **config})


def facts_of(folder: Path, **config: Any) -> SourceFacts:
    given = {"format": "text", "path": "text.txt", "context": 8, **config}
    return facts_of_source(parse_source(given), read_text(folder, **config).found)


def test_characters_are_numbered_in_their_order(folder: Path) -> None:
    samples = read_text(folder, validation_split=0.25)
    vocabulary = samples.found.vocabulary
    assert vocabulary == "".join(sorted(set(TEXT)))
    tokens = np.concatenate([samples.train.inputs, samples.val.inputs])
    assert "".join(vocabulary[i] for i in tokens) == TEXT
    assert tokens.dtype == np.uint8 and len(samples.val.inputs) == len(TEXT) // 4
    assert samples.train.targets is samples.train.inputs


def test_bytes_are_tokens_as_they_are(folder: Path) -> None:
    samples = read_text(folder, tokens="bytes")
    assert bytes(np.concatenate([samples.train.inputs, samples.val.inputs])) == TEXT.encode()
    assert samples.found.num_classes == 256 and samples.found.vocabulary is None


def test_a_text_is_read_in_pieces_whatever_they_cut(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_text(folder)
    monkeypatch.setattr(text_source, "CHUNK_BYTES", 3)
    pieces = read_text(folder)
    assert pieces.fingerprint == whole.fingerprint
    assert pieces.found.vocabulary == whole.found.vocabulary


def test_many_characters_need_more_than_a_byte(folder: Path) -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
    (folder / "text.txt").write_text(text)
    samples = read_text(folder)
    assert samples.train.inputs.dtype == np.int32 and samples.found.num_classes == 300
    assert samples.train.inputs.tolist() == list(range(270))


def test_every_window_has_its_next_tokens(folder: Path) -> None:
    for stride in (None, 1, 5, 8, 11):
        facts, samples = facts_of(folder, stride=stride), read_text(folder)
        tokens = torch.from_numpy(samples.train.inputs)
        views, last = facts.views, facts.num_train - 1
        at = last * (stride or 8)
        inputs = views.inputs.gather(tokens, torch.tensor([last]))[0]
        targets = views.targets.gather(tokens, torch.tensor([last]))[0]
        assert inputs.tolist() == tokens[at : at + 8].tolist()
        assert targets.tolist() == tokens[at + 1 : at + 9].tolist()
        assert at + (stride or 8) + 8 >= len(tokens), "there is no further window"


def test_validation_tells_each_token_once(folder: Path) -> None:
    facts = facts_of(folder, stride=1, validation_split=0.5)
    num_tokens = len(TEXT) // 2
    assert facts.num_val == (num_tokens - 1) // 8
    assert facts.num_train == num_tokens - 8
    window = facts.views.for_validation().inputs.window
    assert window is not None and window.stride == 8


def test_facts_are_those_of_text(folder: Path) -> None:
    facts = facts_of(folder)
    assert facts.task == "next_token" and facts.num_classes == len(set(TEXT))
    assert facts.inputs.shape == facts.targets.shape == (8,)
    assert facts.inputs.dtype == facts.targets.dtype == "int64"


@pytest.mark.parametrize("text", ["", "a", "short", TEXT])
def test_a_text_shorter_than_the_context_is_refused_with_both(folder: Path, text: str) -> None:
    (folder / "text.txt").write_text(text)
    with pytest.raises(InvalidRequest, match=r"context is 1,000, but .* text.txt has \d+ tokens"):
        facts_of(folder, context=1000)


def test_a_part_for_validation_shorter_than_the_context_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"context is 8, but the validation part .* 2 tokens"):
        facts_of(folder, validation_split=0.01)


def test_what_is_no_text_is_refused_with_its_place(folder: Path) -> None:
    (folder / "text.txt").write_bytes(b"abc\xff\xfe" * 10)
    with pytest.raises(DatasetUnavailable, match=r"text.txt is no UTF-8.*byte 3.*bytes"):
        read_text(folder)
    (folder / "text.txt").write_bytes("é".encode()[:1])
    with pytest.raises(DatasetUnavailable, match="no UTF-8"):
        read_text(folder)


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": 5},
        {"path": ""},
        {"path": "x" * 5000},
        {"tokens": "words"},
        {"context": 0},
        {"context": 1.0},
        {"context": True},
        {"context": 10**9},
        {"stride": 0},
        {"validation_split": 0},
        {"validation_split": 1},
        {"validation_split": float("nan")},
        {"validation_split": "0.1"},
    ],
    ids=str,
)
def test_a_wrong_argument_is_named_with_what_it_may_be(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(InvalidRequest, match=rf"dataset_config\.{name} is .*but must be"):
        parse_source({"format": "text", "path": "text.txt", "context": 8, **wrong})


@pytest.mark.parametrize("name", ["path", "context"])
def test_a_missing_argument_is_named(name: str) -> None:
    given = {"format": "text", "path": "text.txt", "context": 8}
    del given[name]
    with pytest.raises(InvalidRequest, match=f"dataset_config.{name} is missing"):
        parse_source(given)


def test_a_file_outside_the_allowed_folders_is_refused(folder: Path) -> None:
    for path in ("/etc/passwd", "../text.txt", "gone.txt"):
        with pytest.raises(InvalidRequest, match=r"dataset_config\.path is"):
            read_text(folder, path=path)


@pytest.mark.parametrize("chunk_bytes", [3, 4, 2**24])
def test_the_mark_of_utf8_at_the_beginning_of_a_file_is_no_character(
    folder: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    monkeypatch.setattr(text_source, "CHUNK_BYTES", chunk_bytes)
    (folder / "texts").mkdir()
    for name in ("1.txt", "2.txt"):
        (folder / "texts" / name).write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    samples = read_text(folder, path="texts")
    assert samples.found.vocabulary == "".join(sorted(set(TEXT)))
    assert len(samples.train.inputs) + len(samples.val.inputs) == 2 * len(TEXT)


def test_files_beside_the_texts_are_told(folder: Path) -> None:
    (folder / "notes.pdf").write_bytes(b"x")
    assert [Path(one.place).name for one in read_text(folder, path=".").skipped] == ["notes.pdf"]
