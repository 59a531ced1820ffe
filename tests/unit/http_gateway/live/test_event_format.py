"""Server-sent events as bytes, whole and in pieces."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from http_gateway.live.event_format import HEARTBEAT, Received, decode, encode, encode_start

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
entries = st.fixed_dictionaries(
    {
        "seq": st.integers(0, 2**53 - 1),
        "kind": st.sampled_from(["step", "lost"]),
        "text": st.none() | texts | st.just("two\nlines\r\n\n"),
        "values": st.dictionaries(texts, st.none() | st.integers() | texts, max_size=3),
    }
)


@given(told=st.lists(entries, max_size=5), size=st.integers(1, 40))
def test_entries_come_as_they_were_sent_however_they_are_cut(
    told: list[dict[str, Any]], size: int
) -> None:
    sent = encode_start(7) + b"".join(encode(entry) + HEARTBEAT for entry in told)
    pieces = [sent[i : i + size] for i in range(0, len(sent), size)]
    received = list(decode(pieces))
    assert received[0] == Received(7, None)
    assert [r.entry for r in received[1::2]] == told
    assert [r.seq for r in received[1::2]] == [entry["seq"] for entry in told]
    assert set(received[2::2]) <= {Received(None, None)}


def test_an_event_is_named_by_its_kind_and_has_its_number() -> None:
    sent = encode({"seq": 17, "kind": "lost", "text": "Ä"})
    assert sent == b'id: 17\nevent: lost\ndata: {"seq":17,"kind":"lost","text":"\\u00c4"}\n\n'


def test_what_is_cut_off_is_nothing() -> None:
    assert list(decode([b"id: 1\nevent: lost\nda", b"ta: {}\n"])) == []
