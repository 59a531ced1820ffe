"""Beginnings of texts that a model goes on with, as tokens and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from actors.core.errors import InvalidRequest
from actors.core.fields import shown_value
from actors.core.input_form import InputForm


@dataclass(frozen=True)
class Prompts:
    """``max_tokens`` are added to each of ``texts``. Each is drawn from the ``top_k`` most probable
    (None: from all), by probabilities that a ``temperature`` below 1 sharpens; with 0 it is the
    most probable one. The same ``seed`` draws the same."""

    texts: tuple[str, ...]
    max_tokens: int
    temperature: float = 1.0
    top_k: int | None = None
    seed: int = 0
    largest: float = 0.0

    def blocks(self, num_rows: int) -> Iterator[Prompts]:
        """See ``Question``."""
        for start in range(0, len(self.texts), num_rows):
            yield replace(self, texts=self.texts[start : start + num_rows])

    def tokens(self, form: InputForm, first: int) -> list[list[int]]:
        """Those of each text. ``first`` is the first one's index in the request, for errors. Raises
        ``InvalidRequest``."""
        places = {character: place for place, character in enumerate(form.vocabulary or "")}
        return [
            _bytes_of(text, f"prompts[{first + index}]")
            if form.is_bytes
            else _places_of(text, places, f"prompts[{first + index}]")
            for index, text in enumerate(self.texts)
        ]


def text_of(tokens: Sequence[int], form: InputForm) -> str:
    """What they say; bytes that are no UTF-8 become U+FFFD."""
    if form.is_bytes:
        return bytes(tokens).decode(errors="replace")
    assert form.vocabulary is not None
    return "".join(form.vocabulary[token] for token in tokens)


def _bytes_of(text: str, where: str) -> list[int]:
    try:
        return list(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"{where} has half of a character at place {error.start}: send whole ones, as UTF-8"
        ) from error


def _places_of(text: str, places: dict[str, int], where: str) -> list[int]:
    unknown = next((i for i, character in enumerate(text) if character not in places), None)
    if unknown is not None:
        raise InvalidRequest(
            f"{where} has the character {shown_value(text[unknown])} at place {unknown} (from 0), "
            f"but must be of the {len(places):,} characters of the training's text: leave it out"
        )
    return [places[character] for character in text]
