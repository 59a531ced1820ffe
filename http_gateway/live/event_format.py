"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html. Pure.

The id of an event is its ``seq``: a client that comes back with the last one it has seen in
``Last-Event-ID`` misses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

MEDIA_TYPE = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
HEARTBEAT = b":\n\n"
"""A comment; who reads sees that there is somebody."""
RETRY_MS = 1_000
"""After so long a browser comes back."""


@dataclass(frozen=True)
class Received:
    """A block of a stream: its ``seq`` where it has one, and its entry where it is no mere sign of
    life."""

    seq: int | None
    entry: dict[str, Any] | None


def encode_start(seq: int) -> bytes:
    """So that a client that is cut off at once knows where it was."""
    return b"retry: %d\nid: %d\n\n" % (RETRY_MS, seq)


def encode(entry: dict[str, Any]) -> bytes:
    """An entry of the log. Its JSON is one line."""
    data = json.dumps(entry, separators=(",", ":"))
    return f"id: {entry['seq']}\nevent: {entry['kind']}\ndata: {data}\n\n".encode()


def decode(pieces: Iterable[bytes]) -> Iterator[Received]:
    """The blocks of a stream that comes in pieces, each once it is whole."""
    rest = b""
    for piece in pieces:
        *blocks, rest = (rest + piece).split(b"\n\n")
        yield from map(_block, blocks)


def _block(block: bytes) -> Received:
    fields = {}
    for line in block.decode().splitlines():
        name, _, value = line.partition(":")
        fields[name] = value.removeprefix(" ")
    seq = int(fields["id"]) if "id" in fields else None
    return Received(seq, json.loads(fields["data"]) if "data" in fields else None)
