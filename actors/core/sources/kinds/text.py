"""A text as tokens: each sample is a window of it, and its targets are the window's next tokens."""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from actors.core.errors import DatasetUnavailable, InvalidRequest, error_text
from actors.core.fields import choice, count, number
from actors.core.folders import Folders
from actors.core.rows.row_reader import Array
from actors.core.sources.matching import matched
from actors.core.sources.readers.fields import path_field
from actors.core.sources.readers.file_tree import FileTree, list_files
from actors.core.sources.registry import WHERE, SourceKind, SourceSpec, add_source
from actors.core.sources.samples import Samples, Split, token_dtype
from actors.core.sources.source_facts import Found, SourceFacts
from actors.core.sources.views import window_views

MAX_CONTEXT = 65_536
CHUNK_BYTES = 2**24
NUM_BYTES = 256
SUFFIXES = frozenset({".txt", ".md"})
"""The endings of the files that are read in a folder."""


def _tree(spec: SourceSpec, folders: Folders) -> FileTree:
    path = folders.find_any(f"{WHERE}.path", str(spec.keywords["path"]))
    if not path.is_dir():
        return FileTree((path,), ())
    tree = list_files(path, folders, SUFFIXES)
    if not tree.files:
        raise DatasetUnavailable(
            f"{path} has no file whose name ends in {', '.join(sorted(SUFFIXES))}: put texts "
            f"there, or name a single file in {WHERE}.path"
        )
    return tree


def _files(spec: SourceSpec, folders: Folders) -> tuple[Path, ...]:
    return _tree(spec, folders).files


def _read(spec: SourceSpec, folders: Folders) -> Samples:
    """The end of the text is kept for validation."""
    tree = _tree(spec, folders)
    paths, place = tree.files, str(spec.keywords["path"])
    try:
        if spec.keywords["tokens"] == "bytes":
            tokens, vocabulary = np.concatenate([np.fromfile(own, np.uint8) for own in paths]), None
        else:
            tokens, vocabulary = _characters(paths)
    except OSError as error:
        raise DatasetUnavailable(
            f"{place} can't be read ({error_text(error)}): give the user who runs Tandem the right "
            "to it"
        ) from error
    end = int(len(tokens) * (1.0 - float(spec.keywords["validation_split"])))
    train, val = (
        Split(own, own, f"{part} part of {place}", place)
        for own, part in ((tokens[:end], "the training"), (tokens[end:], "the validation"))
    )
    num_classes = NUM_BYTES if vocabulary is None else max(1, len(vocabulary))
    found = Found(len(train.inputs), len(val.inputs), num_classes, vocabulary=vocabulary)
    return Samples(train, val, found, skipped=tree.skipped)


def _read_like(spec: SourceSpec, folders: Folders, known: SourceFacts) -> tuple[Split, ...]:
    """All of the text, by the tokens that a model was trained on."""
    samples, place = _read(spec, folders), str(spec.keywords["path"])
    tokens = np.concatenate([samples.train.inputs, samples.val.inputs])
    return (matched(Split(tokens, tokens, place, place), samples.found, known),)


def _characters(paths: Sequence[Path]) -> tuple[Array, str]:
    """The tokens of all files, one file after the other, and the character of each token. Tokens
    are numbered in the order of their code points."""
    known: Array = np.zeros(0, np.uint32)
    length = 0
    for points in itertools.chain.from_iterable(map(_code_points, paths)):
        known, length = np.union1d(known, points), length + len(points)
    tokens = np.empty(length, token_dtype(len(known)))
    at = 0
    for points in itertools.chain.from_iterable(map(_code_points, paths)):
        tokens[at : at + len(points)] = np.searchsorted(known, points)
        at += len(points)
    return tokens, "".join(map(chr, known.tolist()))


def _code_points(path: Path) -> Iterator[Array]:
    # It leaves out the mark of UTF-8 that some editors begin a file with.
    decoder, done = codecs.getincrementaldecoder("utf-8-sig")(), 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK_BYTES)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                raise DatasetUnavailable(
                    f"{path} is no UTF-8 text (near byte {done + error.start:,}): convert it, or "
                    f'set {WHERE}.tokens to "bytes"'
                ) from error
            yield np.frombuffer(text.encode("utf-32-le"), np.uint32)
            if not chunk:
                return
            done += len(chunk)


def _facts(spec: SourceSpec, found: Found) -> SourceFacts:
    own = spec.keywords
    context = int(own["context"])
    stride = int(own["stride"] or context)
    return SourceFacts(
        str(own["path"]),
        window_views(context, stride),
        found.num_classes,
        _num_windows(spec, "training", found.num_train, context, stride),
        _num_windows(spec, "validation", found.num_val, context, context),
        "next_token",
        found.num_classes,
        found.vocabulary,
        is_bytes=own["tokens"] == "bytes",
    )


def _num_windows(spec: SourceSpec, part: str, num_tokens: int, context: int, stride: int) -> int:
    """The number of windows whose targets lie in the text, too."""
    if num_tokens <= context:
        share = spec.keywords["validation_split"]
        raise InvalidRequest(
            f"{WHERE}.context is {context:,}, but the {part} part of {spec.keywords['path']} has "
            f"{num_tokens:,} tokens (validation_split is {share}), and a sample needs one more "
            "than the context: use a smaller context, a longer text, or another validation_split"
        )
    return (num_tokens - 1 - context) // stride + 1


add_source(
    SourceKind(
        "text",
        "texts of yours as tokens: each sample is a window, and its targets are the next tokens",
        _read,
        _facts,
        files=_files,
        fields={
            "path": path_field("a text, or of a folder of texts"),
            "tokens": choice(("characters", "bytes"), "characters"),
            "context": count(maximum=MAX_CONTEXT),
            "stride": count(default=None),
            "validation_split": number(0.0, 1.0, 0.1, above=True, below=True),
        },
        view_fields=frozenset({"context", "stride"}),
        remedy="Put the right file in its place",
        is_format=True,
        read_like=_read_like,
    )
)
