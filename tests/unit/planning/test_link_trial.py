from __future__ import annotations

import threading

import pytest

from actors.channels.channel import Receiver, Sender
from actors.channels.messages import message_bytes
from actors.core.model.model_spec import TensorSpec
from actors.core.stages.compute_device import CPU
from actors.probing.link_trial import TrialSpec, TrialTimes, link_profile, throw, throw_back
from tests.support.mailbox import Mailbox

SPEC = TrialSpec(rows=100, sample=TensorSpec((20,)), rounds=3, compute_s=1e-4)
SMALL, LARGE = message_bytes(1, SPEC.sample), message_bytes(100, SPEC.sample)


def test_messages_go_to_and_fro_and_the_computing_is_known() -> None:
    there, back = Mailbox(2, "there"), Mailbox(2, "back")
    told: list[tuple[float, float]] = []

    def other() -> None:
        told.append(throw_back(Receiver(there, 0, 5.0), Sender(back, 0, 5.0), SPEC, CPU))

    thread = threading.Thread(target=other)
    thread.start()
    small, large = throw(Sender(there, 0, 5.0), Receiver(back, 0, 5.0), SPEC, CPU)
    thread.join(5.0)
    assert len(small.round_trips) == len(large.round_trips) == SPEC.rounds
    assert min(told[0]) >= SPEC.compute_s
    for times, computed_s in zip((small, large), told[0], strict=True):
        assert max(times.round_trips) >= computed_s and min(times.sends) > 0


def test_two_sizes_make_a_line() -> None:
    thrown = (TrialTimes((3e-3,), (1e-4,)), TrialTimes((5e-3,), (2e-4,)))
    link = link_profile("shared_memory", SPEC, thrown, (1e-3, 1e-3))
    assert link.delivery_s(SMALL) == pytest.approx(1e-3)
    assert link.delivery_s(LARGE) == pytest.approx(2e-3)
    assert link.sending_s(0) == pytest.approx(1e-4)
    assert link.sending_s(LARGE - SMALL) == pytest.approx(2e-4)


def test_noise_makes_no_link_quicker_than_nothing() -> None:
    thrown = (TrialTimes((3e-3,), (2e-3,)), TrialTimes((1e-3,), (1e-3,)))
    link = link_profile("actor_calls", SPEC, thrown, (4e-3, 4e-3))
    assert link.latency_s > 0 and link.bytes_per_s > 0
    assert 0 <= link.sending_s(LARGE) <= link.delivery_s(LARGE)
