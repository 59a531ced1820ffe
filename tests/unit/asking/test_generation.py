"""Texts that follow prompts: what is drawn, from what, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from actors.core.asking.generation import generated, looks_ahead
from actors.core.asking.prompts import Prompts, text_of
from actors.core.errors import InvalidRequest
from actors.core.input_form import InputForm
from actors.core.model.blocks import build_blocks
from orchestrator.models.model_io import Network, trained_model
from tests.support.sources import job_spec

VOCABULARY = "\nabcd"
FORM = InputForm((4,), num_tokens=5, vocabulary=VOCABULARY)
BYTES = InputForm((4,), num_tokens=256, is_bytes=True)


def prompts(*texts: str, **sampling: Any) -> Prompts:
    return Prompts(texts, **{"max_tokens": 6, **sampling})


def next_letter(windows: torch.Tensor) -> torch.Tensor:
    """The next token is the one behind a place's own, likely by 1 to e."""
    return torch.nn.functional.one_hot((windows + 1) % 5, 5).float()


def test_characters_are_tokens_by_their_places_and_bytes_are_themselves() -> None:
    assert prompts("ab\n").tokens(FORM, 0) == [[1, 2, 0]]
    assert prompts("é").tokens(BYTES, 0) == [[0xC3, 0xA9]]
    assert text_of([1, 4, 0], FORM) == "ad\n"
    assert text_of([0xC3, 0xA9, 0xC3], BYTES) == "é\ufffd"


def test_a_character_that_the_training_had_not_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidRequest, match=r"^prompts\[3\].*'x' at place 1"):
        prompts("ab", "axb").tokens(FORM, 2)
    with pytest.raises(InvalidRequest, match=r"^prompts\[0\].*half of a character"):
        prompts("\ud83e").tokens(BYTES, 0)


def test_without_temperature_the_most_probable_follows() -> None:
    asked = prompts("a", "abcdabc", temperature=0.0)
    tokens = asked.tokens(FORM, 0)
    assert generated(next_letter, 4, tokens, asked, 0) == [[2, 3, 4, 0, 1, 2], [4, 0, 1, 2, 3, 4]]


def test_top_k_draws_from_the_most_probable_alone() -> None:
    asked = prompts("a", max_tokens=50, top_k=1, temperature=100.0)
    assert generated(next_letter, 4, [[1]], asked, 0)[0][:4] == [2, 3, 4, 0]


def test_a_seed_draws_the_same_and_a_prompt_does_not_depend_on_the_others() -> None:
    asked = prompts("a", max_tokens=40, seed=3)
    both = generated(next_letter, 4, [[1], [2]], asked, 0)
    assert both == generated(next_letter, 4, [[1], [2]], asked, 0)
    assert generated(next_letter, 4, [[2]], asked, 1) == both[1:]
    other = prompts("a", max_tokens=40, seed=4)
    assert generated(next_letter, 4, [[1], [2]], other, 0) != both


def test_shares_are_those_of_the_softmax_by_temperature() -> None:
    asked = prompts("a", max_tokens=4000, temperature=0.5)
    (drawn,) = generated(lambda w: torch.tensor([0.0, 1.0]).expand(*w.shape, 2), 1, [[0]], asked, 0)
    expected = torch.tensor([0.0, 2.0]).softmax(dim=0)[1].item()
    assert sum(drawn) / len(drawn) == pytest.approx(expected, abs=0.03)


def test_numbers_that_are_not_finite_are_refused() -> None:
    asked = prompts("a")
    with pytest.raises(InvalidRequest, match=r"^prompts\[5\]"):
        generated(lambda w: torch.full((*w.shape, 5), torch.nan), 4, [[1]], asked, 5)


def test_what_looks_ahead_is_told() -> None:
    assert not looks_ahead(next_letter, 4, 5)
    assert looks_ahead(lambda w: next_letter(w.flip(1)), 4, 5)


def network(causal: bool) -> Network:
    layers = [
        {"type": "Embedding", "num_embeddings": 5, "embedding_dim": 8},
        {"type": "TransformerBlock", "num_heads": 2, "feedforward_dim": 8, "causal": causal},
        {"type": "Linear", "out_features": 5},
    ]
    data = {"name": "synthetic", "inputs": [4], "dtype": "int64", "num_tokens": 5}
    spec = job_spec({"layers": layers, "seed": 1}, {**data, "num_train": 256, "num_val": 16})
    model = trained_model(spec, dict(build_blocks(spec.model, 0, spec.num_blocks).state_dict()))
    told = Network(model)
    told._facts = _with_text(model.facts)
    return told


def _with_text(facts: Any) -> Any:
    from dataclasses import replace

    return replace(facts, inputs=replace(facts.inputs, vocabulary=VOCABULARY))


def test_a_network_goes_on_with_a_prompt_of_any_length() -> None:
    causal = network(True)
    texts = causal.answer(prompts("a", "abcdabcd", seed=1), 0)["texts"]
    assert [len(text) for text in texts] == [6, 6]
    assert set("".join(texts)) <= set(VOCABULARY)
    (whole,) = causal.answer(prompts("ab" * 2, temperature=0.0), 0)["texts"]
    (beginning,) = causal.answer(prompts("a", temperature=0.0, max_tokens=1), 0)["texts"]
    assert whole and beginning


def test_a_prompt_that_is_too_short_for_it_is_refused() -> None:
    for causal, text, least in ((True, "", 1), (False, "", 4), (False, "abc", 4)):
        with pytest.raises(InvalidRequest, match=rf"^prompts\[0\].*at least {least}"):
            network(causal).answer(prompts(text), 0)
    assert network(False).answer(prompts("abcd"), 0)["texts"]
