from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from actors.core.progress.records import TrainedStep
from actors.core.progress.snapshot_cadence import Boundary
from actors.layer_actor import LayerActor
from actors.loop.orders import Orders
from actors.loop.reports import ReportBoard, Seen


def test_a_stop_at_the_next_step_is_not_put_off_to_the_epochs_end() -> None:
    orders = Orders()
    assert orders.stop_at is None
    orders.stop(Boundary.EPOCH)
    assert orders.stop_at is Boundary.EPOCH
    orders.stop(Boundary.STEP)
    orders.stop(Boundary.EPOCH)
    assert orders.stop_at is Boundary.STEP


def test_a_checkpoint_at_the_next_step_is_not_put_off_either() -> None:
    orders = Orders()
    orders.take_checkpoint(Boundary.STEP)
    orders.take_checkpoint(Boundary.EPOCH)
    assert orders.checkpoint_at is Boundary.STEP
    orders.checkpoint_begun()
    assert orders.checkpoint_at is None


def test_orders_that_come_before_the_loop_runs_hold() -> None:
    actor = LayerActor("group")
    actor.stop(Boundary.STEP)
    actor.take_checkpoint(Boundary.EPOCH)
    assert actor._orders.stop_at is Boundary.STEP
    assert actor._orders.checkpoint_at is Boundary.EPOCH


def test_a_report_that_tells_of_a_checkpoint_has_the_step_that_ended_with_it() -> None:
    actor, board = LayerActor("group"), ReportBoard()
    loop: Any = SimpleNamespace(board=board)
    keeper: Any = SimpleNamespace(checkpoint_position=lambda: position())
    actor._loop, actor._keeper = loop, keeper

    def position() -> tuple[int, int]:
        """The loop ends a step just now."""
        board.steps.append(TrainedStep(1, 1, 0.5))
        return 0, 1

    report = actor.poll(Seen())
    assert report is not None and report.checkpoint == (0, 1)
    assert [(step.epoch, step.step) for step in report.steps] == [(1, 1)]
