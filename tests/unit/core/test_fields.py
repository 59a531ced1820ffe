"""Names and values in errors."""

from __future__ import annotations

import pytest

from actors.core.fields import MAX_NAMES, MAX_SHOWN, did_you_mean, shown_names

KNOWN = ("epochs", "batch_size", "seed")


@pytest.mark.parametrize(
    ("given", "meant"), [("epoch", "epochs"), ("batchsize", "batch_size"), ("ba", "batch_size")]
)
def test_a_name_that_is_close_is_proposed(given: str, meant: str) -> None:
    assert f'"{meant}"' in did_you_mean(given, KNOWN)


@pytest.mark.parametrize("given", ["", "colour"])
def test_nothing_is_proposed_for_a_name_that_is_like_none(given: str) -> None:
    assert did_you_mean(given, KNOWN) == did_you_mean("epochs", ()) == ""


def test_of_a_long_name_the_beginning_counts() -> None:
    known = ["a" * MAX_SHOWN]
    assert known[0] in did_you_mean("a" * 10**7, known)
    assert did_you_mean("x" * 10**7, known) == ""


def test_a_long_list_of_names_is_cut() -> None:
    names = [f"column {i}" for i in range(10_000)]
    assert shown_names(names) == ", ".join(map(repr, names[:MAX_NAMES])) + ", …"
    assert shown_names(names[:MAX_NAMES]) == ", ".join(map(repr, names[:MAX_NAMES]))
