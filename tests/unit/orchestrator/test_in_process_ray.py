"""The stand-in for Ray keeps what Ray promises of a stream whose end and whose actor's race."""

from __future__ import annotations

import pytest
import ray

from tests.support.in_process_ray import Stream


def test_a_stream_that_was_read_to_its_end_stays_so_when_its_actor_ends() -> None:
    stream = Stream()
    stream.add("a message")
    stream.settle()
    assert next(stream).result() == "a message"
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(stream)
        stream.settle(error=ray.exceptions.ActorDiedError())


def test_the_death_of_a_streams_actor_is_told_to_whoever_reads_on() -> None:
    stream = Stream()
    stream.settle(error=ray.exceptions.ActorDiedError())
    stream.add("too late")
    for _ in range(2):
        with pytest.raises(ray.exceptions.ActorDiedError):
            next(stream).result()
        stream.settle()
