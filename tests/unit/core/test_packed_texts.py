"""Texts that are packed are the texts that were given."""

from __future__ import annotations

from actors.core.rows.packed_texts import PackedTexts


def test_each_text_comes_back() -> None:
    texts = ["a/b.png", "", "ä/日本.png", "\udcff.png", ""]
    packed = PackedTexts.of(texts)
    assert len(packed) == 5
    assert [packed[i] for i in range(5)] == texts


def test_there_may_be_none() -> None:
    assert len(PackedTexts.of([])) == 0
