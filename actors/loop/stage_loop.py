"""The long-running loop of one stage: walks its actions, meets its neighbours only at channels.

No Ray in here: the same loop runs in threads over in-process channels and in actors over Ray.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Mapping

import torch

from actors.channels.channel import Receiver, Sender
from actors.copies.copy_news import CopyNews
from actors.copies.snapshot_keeper import SnapshotKeeper
from actors.core.errors import NonFiniteLoss
from actors.core.model.freezing import with_frozen
from actors.core.model.randomness import Moment
from actors.core.progress.records import EpochRecord, TrainedStep
from actors.core.progress.snapshot_cadence import Boundary, SnapshotCadence
from actors.core.progress.snapshots import Mark, StageSnapshot
from actors.core.recipe.early_stopping import Standing
from actors.core.recipe.wire_format import pack
from actors.core.schedule.checks import checked_schedule
from actors.core.schedule.schedules import Action, ActionKind
from actors.core.stages.batches import Microbatch, epoch_batches
from actors.core.stages.flops import StageFlops, count_stage_flops
from actors.core.stages.specs import SessionSpec
from actors.core.stages.stage import Stage
from actors.core.tasks.loss import BatchTargets, Loss
from actors.core.tracing.slices import SliceKind
from actors.core.transform_spec import Draws
from actors.loop.clipping import Clipping
from actors.loop.orders import Orders
from actors.loop.reports import Progress, ReportBoard, StagePhase
from actors.loop.run_ahead import RunAhead
from actors.loop.stage_clock import StageClock
from actors.loop.stage_io import StageData, StageLinks
from actors.loop.validation import Validation

Metrics = Mapping[str, float | None]
BACKWARD_SLICES = {
    ActionKind.BACKWARD: SliceKind.BACKWARD,
    ActionKind.INPUT_GRAD: SliceKind.INPUT_GRAD,
}


class SessionStopped(Exception):
    """Ends the loop early: this stage was asked to stop, or its neighbour said so."""


class StageLoop:
    """Trains one stage for one session. ``board`` is its report; ``orders`` matter in stage 0
    alone."""

    def __init__(
        self,
        stage: Stage,
        session: SessionSpec,
        data: StageData,
        links: StageLinks,
        keeper: SnapshotKeeper | None = None,
        orders: Orders | None = None,
    ) -> None:
        self.board = ReportBoard()
        self.orders = orders or Orders()
        self._stage = stage
        self._device = stage.device
        self._clock = StageClock(stage.device, self.board)
        self._session = session
        self._data = data
        self._links = links
        self._keeper = keeper or SnapshotKeeper()
        self._copy_news = CopyNews(self._keeper, links)
        self._cadence = SnapshotCadence(session.max_lost_steps)
        self._cursor = session.start
        self._mark = Mark.NONE
        self._turn = 0  # counts steps and validations: the step number of every message
        self._loss = 0.0
        self._last_index = 0
        stopping, start = session.recipe.early_stopping, session.start
        self._ends_early = stopping is not None and stopping.ends(Standing(start.best, start.stale))
        self._task_loss = Loss(session.task, session.recipe.label_smoothing)
        self._targets = BatchTargets()
        self._run_ahead = RunAhead(links, False, False)
        self._clipping = Clipping(stage, session.recipe, links, self._clock)
        self._actions = functools.cache(self._build_actions)
        self._flops = functools.cache(self._count_flops)

    def run(self) -> bool:
        """True when the session has come to its end, False when it was stopped before.

        Must be called in the thread that computes: torch's thread count is set here.
        """
        torch.set_num_threads(self._session.threads)
        session = self._session
        splits = any(
            a.kind is ActionKind.INPUT_GRAD for a in self._actions(session.num_microbatches)
        )
        self._stage.start_session(session.recipe, splits)
        self._run_ahead = self._bounded()
        self._take_snapshot(Mark.SNAPSHOT)
        try:
            while self._cursor.epoch < self._session.epochs and not self._ends_early:
                self._run_epoch()
        except SessionStopped:
            return False
        finally:
            self.board.phase = StagePhase.IDLE
            self.orders.end_trace()
        return True

    def _bounded(self) -> RunAhead:
        """Clipping gradients by their norm makes the stages wait for each other."""
        bounds = self._session.recipe.clip_grad_norm is None
        is_fed = not self._stage.passes_back
        return RunAhead(
            self._links, bounds and is_fed, bounds and not self._stage.computes_gradients
        )

    def state(self) -> StageSnapshot:
        """The state at the end of the loop."""
        return self._stage.snapshot(self._cursor, self.board.untold())

    def _run_epoch(self) -> None:
        begin = time.perf_counter()
        first = self._cursor
        batches = itertools.islice(epoch_batches(self._session, first.epoch), first.step, None)
        for microbatches in batches:
            self._train_step(microbatches)
            trained = time.perf_counter()
            rate = (self._cursor.samples - first.samples) / (trained - begin)
            self._tell_step(rate, self._validate() if self._validates_now() else None)
            begin += time.perf_counter() - trained
            if self._mark is not Mark.NONE:
                self._run_ahead.wait()
                self._take_snapshot(self._mark)
            if self._ends_early:
                return
        metrics, rate = self._validate(), self.board.progress.samples_per_s
        if metrics is not None:
            epoch, train_loss = first.epoch + 1, self._cursor.train_loss
            self.board.epochs.append(EpochRecord(epoch, train_loss, metrics, rate))
        self._cursor = self._cursor.next_epoch()

    def _validates_now(self) -> bool:
        """Within an epoch; at its end every session does."""
        every, length = self._session.recipe.eval_every, self._session.length
        epoch, step = self._cursor.position
        if every is None or step == length.of_epoch(epoch):
            return False
        return length.at(epoch, step) % every == 0

    def _tell_step(self, samples_per_s: float, metrics: Metrics | None) -> None:
        epoch, step = self._cursor.epoch + 1, self._cursor.step
        self.board.progress = Progress(epoch, step, self._loss, samples_per_s)
        if self._stage.spec.is_last:
            self.board.steps.append(TrainedStep(epoch, step, self._loss, metrics))

    def _validate(self) -> Metrics | None:
        """The metrics, in the last stage, after which the session may end."""
        self.board.phase = StagePhase.VALIDATION
        begin = time.perf_counter()
        self._run_ahead.wait()
        validation = Validation(self._stage, self._session, self._data, self._links, self._turn)
        epoch, step = self._cursor.position
        metrics = validation.run(f"epoch {epoch + 1}, step {step}")
        stopping = self._session.recipe.early_stopping
        if stopping is not None:
            standing = Standing(self._cursor.best, self._cursor.stale)
            if metrics is not None:
                standing = stopping.after(standing, metrics[stopping.metric])
                self._cursor = self._cursor.after_validation(standing.best, standing.stale)
            self._ends_early = validation.verdict(stopping.ends(standing))
        self._turn += 1
        self._clock.spent(SliceKind.VALIDATION, begin)
        return metrics

    def _train_step(self, microbatches: list[Microbatch]) -> None:
        step = self._session.length.at(*self._cursor.position)
        self._clock.begin_step(self.orders.begin_step(step))
        self._begin_step()
        self._loss, self._last_index = 0.0, len(microbatches) - 1
        self._run_ahead.wait()
        self._take_targets(microbatches)
        for action in self._actions(len(microbatches)):
            microbatch = microbatches[action.microbatch]
            if action.kind is ActionKind.FORWARD:
                self._forward(microbatch)
            elif action.kind is ActionKind.WEIGHT_GRAD:
                self._weight_grad(microbatch)
            else:
                self._backward(microbatch, action.kind)
        self._run_ahead.sent(self._turn)
        self._check_loss()
        self._update(len(microbatches))
        self.board.max_held = self._stage.max_held
        self._turn += 1
        self._cursor = self._cursor.after_step(
            sum(len(m.samples) for m in microbatches), self._loss, self._targets.averaged
        )
        self._cadence.end_step()
        self._clock.end_step()

    def _update(self, num_microbatches: int) -> None:
        self.board.phase = StagePhase.OPTIMIZER
        self._clipping.run(self._turn, num_microbatches, self._mark)
        begin = self._clock.begin()
        self._stage.update(self._session.learning_rate(self._cursor))
        self._clock.add(SliceKind.UPDATE, begin)
        self._clock.settle()

    def _begin_step(self) -> None:
        """Stage 0 decides what the step ends with; the others learn it by its first message."""
        self._mark = Mark.NONE
        if not self._stage.spec.is_first:
            return
        stop_at = self.orders.stop_at
        if stop_at is Boundary.STEP or (stop_at is Boundary.EPOCH and self._cursor.step == 0):
            self._end_session()
        epoch, step = self._cursor.position
        steps_left = self._session.length.of_epoch(epoch) - step - 1
        asked, copied_s = self.orders.checkpoint_at, self._copy_news.slowest_s()
        self._set_mark(self._cadence.next_step(asked, steps_left, copied_s))
        if self._mark is Mark.CHECKPOINT:
            self.orders.checkpoint_begun()

    def _set_mark(self, mark: Mark) -> None:
        """A step that ends with a snapshot waits for the copy of the one before."""
        if mark is not Mark.NONE and self._mark is Mark.NONE:
            begin = time.perf_counter()
            self._keeper.wait_until_copied(self._session.channel_timeout_s)
            self._clock.spent(SliceKind.SNAPSHOT, begin)
        self._mark = mark

    def _take_snapshot(self, mark: Mark) -> None:
        self.board.phase = StagePhase.SNAPSHOT
        begin = time.perf_counter()
        self._keeper.take(self.state(), mark)
        self._copy_news.begin()
        cost_s = self._clock.spent(SliceKind.SNAPSHOT, begin)
        self._cadence.taken(cost_s)
        self.board.snapshot_interval_s = self._cadence.interval_s

    def _take_targets(self, microbatches: list[Microbatch]) -> None:
        """Takes those of all microbatches first, because a microbatch's weight depends on the whole
        batch."""
        if not self._stage.spec.is_last:
            return
        assert self._data.train_targets is not None
        view, (epoch, step) = self._session.views.targets, self._cursor.position
        begin = time.perf_counter()
        stored, draws = self._data.train_targets.at(epoch, step), self._draws()
        targets = [view.prepare(view.gather(stored, m.samples, draws)) for m in microbatches]
        self._targets = self._task_loss.weighed(targets)
        self._clock.spent(SliceKind.LOAD, begin)

    def _forward(self, microbatch: Microbatch) -> None:
        self.board.phase = StagePhase.FORWARD
        inputs = self._inputs(microbatch)
        if microbatch.index == self._last_index:
            self._run_ahead.received(self._turn)
        begin = self._clock.begin()
        outputs = self._compute_forward(microbatch, inputs)
        flops = self._flops(len(microbatch.samples)).forward
        self._clock.add(SliceKind.FORWARD, begin, flops, microbatch.index)
        if outputs is not None:
            self._send(self._links.forward_out, outputs, microbatch)

    def _compute_forward(self, microbatch: Microbatch, inputs: torch.Tensor) -> torch.Tensor | None:
        cursor = self._cursor
        epoch = self._session.first_epoch_index + cursor.epoch
        moment = Moment(epoch, cursor.step, microbatch.index)
        if not self._stage.spec.is_last:
            return self._stage.forward(moment, inputs)
        targets = self._device.take(self._targets.targets[microbatch.index])
        weight = self._targets.weights[microbatch.index]
        self._loss += self._stage.forward_loss(moment, inputs, targets, self._task_loss, weight)
        return None

    def _backward(self, microbatch: Microbatch, kind: ActionKind) -> None:
        """The whole pass, or its first half."""
        if not self._stage.computes_gradients:
            return
        self.board.phase = StagePhase.BACKWARD
        grad = None
        if not self._stage.spec.is_last:
            grad = self._recv(self._links.backward_in, microbatch.index)
        begin = self._clock.begin()
        compute = self._stage.input_grad if kind is ActionKind.INPUT_GRAD else self._stage.backward
        input_grad = compute(microbatch.index, grad)
        flops = self._flops(len(microbatch.samples)).of(kind)
        self._clock.add(BACKWARD_SLICES[kind], begin, flops, microbatch.index)
        if self._stage.passes_back:
            assert input_grad is not None
            self._send(self._links.backward_out, input_grad, microbatch)

    def _weight_grad(self, microbatch: Microbatch) -> None:
        if not self._stage.computes_gradients:
            return
        self.board.phase = StagePhase.BACKWARD
        begin = self._clock.begin()
        self._stage.weight_grad(microbatch.index)
        flops = self._flops(len(microbatch.samples)).of(ActionKind.WEIGHT_GRAD)
        self._clock.add(SliceKind.WEIGHT_GRAD, begin, flops, microbatch.index)

    def _draws(self) -> Draws:
        epoch = self._session.first_epoch_index + self._cursor.epoch
        return Draws(self._session.seed, epoch)

    def _inputs(self, microbatch: Microbatch) -> torch.Tensor:
        if not self._stage.spec.is_first:
            return self._recv(self._links.forward_in, microbatch.index)
        assert self._data.train_inputs is not None
        begin = time.perf_counter()
        view, stored = (
            self._session.views.inputs,
            self._data.train_inputs.at(*self._cursor.position),
        )
        inputs = self._device.load(view, stored, microbatch.samples, self._draws())
        self._clock.spent(SliceKind.LOAD, begin, microbatch.index)
        return inputs

    def _recv(self, receiver: Receiver | None, microbatch: int) -> torch.Tensor:
        assert receiver is not None
        begin, taken_s = time.perf_counter(), receiver.taking_s
        message = receiver.recv(self._turn, microbatch)
        is_forward = receiver is self._links.forward_in
        kind = SliceKind.RECEIVE_ACTIVATIONS if is_forward else SliceKind.RECEIVE_GRADIENTS
        self._clock.spent(kind, begin, microbatch, receiver.taking_s - taken_s)
        if message.tensor is None:
            self._end_session()
        assert message.tensor is not None
        if is_forward:
            self._set_mark(message.header.mark)
        return self._device.take(message.tensor)

    def _send(self, sender: Sender | None, tensor: torch.Tensor, microbatch: Microbatch) -> None:
        assert sender is not None
        given = pack(tensor, self._session.recipe.wire, sender.give(self._device))
        begin = time.perf_counter()
        sender.send(given, self._turn, microbatch.index, self._mark)
        is_forward = sender is self._links.forward_out
        kind = SliceKind.SEND_ACTIVATIONS if is_forward else SliceKind.SEND_GRADIENTS
        self._clock.spent(kind, begin, microbatch.index)

    def _end_session(self) -> None:
        """Passes the end on, so that every stage has done the same steps."""
        if self._links.forward_out is not None:
            self._links.forward_out.send(None, self._turn, 0)
        raise SessionStopped

    def _check_loss(self) -> None:
        if math.isfinite(self._loss):
            return
        epoch, step = self._cursor.position
        raise NonFiniteLoss(
            f"the loss became {self._loss} in epoch {epoch + 1}, step {step + 1} of "
            f"{self._session.num_steps} (learning_rate {self._session.recipe.learning_rate}): "
            "initialize the network again and train with a lower learning_rate"
        )

    def _build_actions(self, num_microbatches: int) -> list[Action]:
        spec = self._stage.spec
        schedule = checked_schedule(self._session.schedule, spec.num_stages, num_microbatches)
        return schedule[spec.index]

    def _count_flops(self, rows: int) -> StageFlops:
        spec, freeze = self._stage.spec, self._session.recipe.freeze
        return count_stage_flops(with_frozen(spec.model, freeze, spec.facts, spec.start), rows)
