from __future__ import annotations

import pytest

from orchestrator.errors import IllegalTransition
from orchestrator.jobs.job_lifecycle import TRANSITIONS, Event, Status, next_status


def test_every_status_can_be_reached_and_left() -> None:
    assert {after for after in TRANSITIONS.values()} == set(Status)
    assert {status for status, _ in TRANSITIONS} == set(Status)


def test_nothing_but_its_own_end_or_a_loss_moves_a_training_job() -> None:
    moves = {event: s for (status, event), s in TRANSITIONS.items() if status is Status.TRAINING}
    assert moves.pop(Event.CHANGE_DEVICES) is Status.TRAINING
    assert set(moves) == {
        Event.COMPLETE,
        Event.STOP,
        Event.FAIL,
        Event.LOSE,
        Event.FORCE_DELETE,
    }


def test_a_recovering_job_can_go_on_and_end_as_a_training_one() -> None:
    training = {event for status, event in TRANSITIONS if status is Status.TRAINING}
    recovering = {event for status, event in TRANSITIONS if status is Status.RECOVERING}
    assert recovering == training - {Event.COMPLETE} | {Event.RECOVER}


def test_an_illegal_move_names_job_state_event_remedy_and_history() -> None:
    with pytest.raises(IllegalTransition) as caught:
        next_status("7", Status.TRAINING, Event.DELETE, ["initialize", "train"])
    text = str(caught.value)
    for part in ("Job 7", "training", "delete", "/api/jobs/7/stop", "initialize, train"):
        assert part in text


def test_a_failed_job_wants_initialize() -> None:
    with pytest.raises(IllegalTransition, match="/api/network/initialize/3"):
        next_status("3", Status.FAILED, Event.TRAIN)
    assert next_status("3", Status.FAILED, Event.INITIALIZE) is Status.INITIALIZED
