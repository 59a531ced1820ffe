"""The losses of a long job, thinned where they lie: the smallest and the largest stay, whatever was
taken back, and wherever the disk is behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.store.job_store import JobStore
from orchestrator.store.log.entries import EPOCHS, LogEntry, NewEntry, Place
from orchestrator.store.log.job_log import JobLog
from orchestrator.store.log.step_counts import StepCounts
from orchestrator.store.outbox import Outbox
from tests.support.logs import back_to, epoch, step, write_now
from tests.support.stores import OWNER, job_record

EPOCH_STEPS = 5


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobStore]:
    store = JobStore.open(tmp_path_factory.mktemp("storage"), OWNER)
    yield store
    store.close()


@dataclass
class Training:
    """What is told, and what of it counts; the next step's place."""

    told: list[NewEntry] = field(default_factory=list)
    live: dict[Place, float] = field(default_factory=dict)
    at: Place = (1, 1)

    def train(self, loss: float) -> None:
        number, index = self.at
        self.told.append(step(number, index, loss))
        self.live[self.at] = loss
        self.at = number, index + 1
        if index == EPOCH_STEPS:
            self.told.append(epoch(number, EPOCH_STEPS))
            self.at = number + 1, 1

    def go_back(self, num_steps: int) -> None:
        """To the end of one of the latest steps, or before all."""
        kept = list(self.live)[: max(0, len(self.live) - num_steps)]
        number, index = kept[-1] if kept else (1, 0)
        self.told.append(back_to(number, index))
        self.live = {place: loss for place, loss in self.live.items() if place in kept}
        self.at = (number + 1, 1) if index == EPOCH_STEPS else (number, index + 1)

    def end_session(self) -> None:
        """The next one begins another epoch."""
        number, index = self.at
        if index > 1:
            self.at = number + 1, 1


@st.composite
def trainings(draw: st.DrawFn) -> Training:
    done = Training()
    for _ in range(draw(st.integers(0, 12))):
        for loss in draw(st.lists(st.integers(-50, 50), min_size=1, max_size=12)):
            done.train(float(loss))
        then = draw(st.integers(0, 5))
        if then >= 3:
            done.go_back(draw(st.integers(1, 8)))
        elif then == 2:
            done.end_session()
    return done


@settings(max_examples=25)
@given(done=trainings(), written=st.integers(0, 150), most=st.integers(2, 12), data=st.data())
def test_the_smallest_and_the_largest_of_what_counts_stay(
    shared: JobStore, done: Training, written: int, most: int, data: st.DataObject
) -> None:
    job_id, outbox = str(shared.next_job_number()), Outbox(shared)
    shared.add_job(job_record(job_id))
    write_now(shared, outbox, job_id, done.told[:written])
    for new in done.told[written:]:
        outbox.tell(job_id, new, soon=False)
    log = JobLog(shared, outbox)
    counts = log.step_counts(job_id, log.read(job_id, EPOCHS, (), None))
    assert [counts.count(place) for place in done.live] == list(range(1, len(done.live) + 1))
    assert [counts.place(n) for n in range(1, len(done.live) + 1)] == list(done.live)
    found = log.losses(job_id, counts, -1, most)
    check(found, done.live)
    waiting = len(outbox.waiting(job_id))
    assert len(found) <= max(most, 2 * (most // 2) + waiting)
    every = log.losses(job_id, counts, -1, 10_000)
    assert {entry.place: entry.loss for entry in every} == done.live
    if every:
        after = data.draw(st.sampled_from(every)).seq
        later = {entry.place: entry.loss for entry in every if entry.seq > after}
        check(log.losses(job_id, counts, after, most), later)
        assert {e.place: e.loss for e in log.losses(job_id, counts, after, 10_000)} == later


def check(found: list[LogEntry], live: Mapping[Place, float | None]) -> None:
    """They are some of these in their order, with the smallest and the largest."""
    shown = {entry.place: entry.loss for entry in found}
    assert len(shown) == len(found) and list(shown) == sorted(shown)
    assert shown.items() <= live.items()
    if live:
        losses = [loss for loss in shown.values() if loss is not None]
        known = [loss for loss in live.values() if loss is not None]
        assert (min(losses), max(losses)) == (min(known), max(known))


def test_steps_are_counted_over_epochs_of_unlike_lengths() -> None:
    counts = StepCounts({1: 10, 2: 3, 4: 5})
    assert counts.total == 18
    places = [(1, 1), (1, 10), (2, 1), (2, 3), (4, 1), (4, 5), (5, 2)]
    assert [counts.count(place) for place in places] == [1, 10, 11, 13, 14, 18, 20]
    assert [counts.place(n) for n in (1, 10, 11, 13, 14, 18)] == places[:6]
    assert StepCounts({}).place(7) == counts.place(0) == (0, 0) and StepCounts({}).total == 0
