"""Samples of another data set, as those that a model was trained on: classes and characters by
their names, everything else by its form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from actors.core.errors import InvalidRequest
from actors.core.fields import shown_names, shown_value
from actors.core.rows.row_reader import Array, is_array
from actors.core.sources.samples import Split, token_dtype
from actors.core.sources.source_facts import Found, SourceFacts


def matched(split: Split, found: Found, known: SourceFacts) -> Split:
    """``found`` is what the split's source has, ``known`` what the model was trained on. Raises
    ``InvalidRequest`` for samples of another form, and for classes and characters that the model
    has not seen."""
    if split.targets is split.inputs:
        return _matched_text(split, found, known)
    _check_form(split, known)
    if known.num_classes is None:
        return split
    return replace(split, targets=_matched_classes(split, found, known))


def _matched_text(split: Split, found: Found, known: SourceFacts) -> Split:
    if known.views.inputs.window is None:
        raise InvalidRequest(
            f"{split.inputs_at} is a text, but the network was trained on {known.name}, which is "
            "none: name data of that kind"
        )
    if (found.vocabulary is None) != (known.vocabulary is None):
        tokens = "bytes" if known.vocabulary is None else "characters"
        raise InvalidRequest(
            f"{split.inputs_at} is read by other tokens than the network was trained on: set "
            f"dataset_config.tokens to {tokens!r}"
        )
    tokens = split.inputs
    if known.vocabulary is not None:
        assert found.vocabulary is not None
        places = _places(found.vocabulary, known.vocabulary, split.inputs_at, "character")
        tokens = places.astype(token_dtype(len(known.vocabulary)))[tokens]
    _check_length(len(tokens), split, known)
    return replace(split, inputs=tokens, targets=tokens)


def _check_length(num_tokens: int, split: Split, known: SourceFacts) -> None:
    window = known.views.inputs.window
    assert window is not None
    if num_tokens <= window.length:
        raise InvalidRequest(
            f"{split.inputs_at} has {num_tokens:,} tokens, but must have at least "
            f"{window.length + 1:,}: one more than the network's context"
        )


def _check_form(split: Split, known: SourceFacts) -> None:
    form = known.input_form
    shape = tuple(split.inputs.shape[1:])
    if known.views.inputs.window is not None or shape != form.shape:
        raise InvalidRequest(
            f"A sample of {split.inputs_at} has the shape {list(shape)}, but the network was "
            f"trained on samples of the shape {list(form.shape)}: name data of that shape, or for "
            "images set dataset_config.resize"
        )
    if form.is_pixels and split.inputs.dtype != np.uint8:
        raise InvalidRequest(
            f"Samples of {split.inputs_at} are numbers of the type {split.inputs.dtype}, but the "
            "network was trained on pixels: give pixels from 0 to 255 as uint8"
        )
    _check_tokens(split, known)
    wanted = known.targets.shape
    if tuple(split.targets.shape[1:]) != wanted or _is_numbers(split) != (
        known.num_classes is None
    ):
        raise InvalidRequest(
            f"{split.targets_at} has {'numbers' if _is_numbers(split) else 'classes'} of the shape "
            f"{list(split.targets.shape[1:])} for a sample, but the network was trained to tell "
            f"{'numbers' if known.num_classes is None else 'classes'} of the shape "
            f"{list(wanted)}: name data with such targets"
        )


def _check_tokens(split: Split, known: SourceFacts) -> None:
    """Of what is drawn or stored as whole numbers; what is not in memory is drawn by the same
    rules."""
    if known.num_tokens is None or not is_array(split.inputs):
        return
    largest = int(split.inputs.max())
    if largest >= known.num_tokens:
        raise InvalidRequest(
            f"{split.inputs_at} has the token {largest}, but the network knows those from 0 to "
            f"{known.num_tokens - 1}: name data with these alone"
        )


def _is_numbers(split: Split) -> bool:
    return bool(split.targets.dtype.kind == "f")


def _matched_classes(split: Split, found: Found, known: SourceFacts) -> Array:
    """By their names. Where only one side has names, and these are numbers, they are the numbers of
    the other side."""
    assert known.num_classes is not None
    numbers, own, wanted, at = split.targets, found.class_names, known.class_names, split.targets_at
    if own and wanted:
        numbers = _places(own, wanted, at, "class")[numbers]
    elif own and _are_numbers(own):
        numbers = np.array([int(name) for name in own], np.int64)[numbers]
    elif wanted and _are_numbers(wanted):
        used = np.unique(numbers)
        places = _places([str(one) for one in used], [str(int(n)) for n in wanted], at, "class")
        numbers = places[np.searchsorted(used, numbers)]
    elif own and len(own) != known.num_classes:
        raise InvalidRequest(
            f"{at} has the classes {shown_names(own)}, but the network tells classes that have no "
            f"names, from 0 to {known.num_classes - 1}: call them by their numbers"
        )
    largest = int(numbers.max())
    if largest >= known.num_classes:
        raise InvalidRequest(
            f"{at} has the class {largest}, but the network tells those from 0 to "
            f"{known.num_classes - 1}: leave its samples out"
        )
    return numbers


def _are_numbers(names: Sequence[str]) -> bool:
    return all(name.isascii() and name.isdecimal() for name in names)


def _places(names: Sequence[str], known: Sequence[str], at: str, what: str) -> Array:
    """int64 ``[names]``: the place of each among the known ones."""
    places = {name: place for place, name in enumerate(known)}
    for name in names:
        if name not in places:
            raise InvalidRequest(
                f"{at} has the {what} {shown_value(name)}, which the training had not: it has "
                f"{shown_names(known)}. Leave its samples out"
            )
    return np.array([places[name] for name in names], np.int64)
