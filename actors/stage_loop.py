"""The long-running loop of one stage: walks its actions, meets its neighbours only at channels.

No Ray in here: the same loop runs in threads over in-process channels and in actors over Ray.
"""

from __future__ import annotations

import functools
import math
import threading
import time

import torch

from actors.channels.channel import Receiver, Sender
from actors.core.batches import Microbatch, epoch_batches, normalize
from actors.core.errors import NonFiniteLoss
from actors.core.flops import StageFlops, count_stage_flops
from actors.core.schedules import Action, Kind, build_schedule
from actors.core.specs import SessionSpec
from actors.core.stage import Stage
from actors.reports import Progress, ReportBoard
from actors.stage_io import StageData, StageLinks
from actors.validation import Validation


class SessionStopped(Exception):
    """Ends the loop early: this stage was asked to stop, or its neighbour told it so."""


class StageLoop:
    """Trains one stage for one session. ``board`` is its report; ``stop`` matters in stage 0."""

    def __init__(
        self, stage: Stage, session: SessionSpec, data: StageData, links: StageLinks
    ) -> None:
        self.board = ReportBoard()
        self.stop = threading.Event()
        self._stage = stage
        self._session = session
        self._data = data
        self._links = links
        self._turn = 0  # counts steps and validations: the step number of every message
        self._loss = 0.0
        self._actions = functools.cache(self._build_actions)
        self._flops = functools.cache(self._count_flops)

    def run(self) -> bool:
        """True when all epochs are done, False when the session was stopped before.

        Must be called in the thread that computes: torch's thread count is set here.
        """
        torch.set_num_threads(self._session.threads)
        self._stage.start_session(self._session.learning_rate)
        try:
            for epoch in range(self._session.epochs):
                self._run_epoch(epoch)
        except SessionStopped:
            return False
        return True

    def _run_epoch(self, epoch: int) -> None:
        begin = time.perf_counter()
        samples = 0
        loss_sum = 0.0
        for step, microbatches in enumerate(epoch_batches(self._session, epoch)):
            self._train_step(microbatches, epoch, step)
            rows = sum(len(m.samples) for m in microbatches)
            samples += rows
            loss_sum += self._loss * rows
            rate = samples / (time.perf_counter() - begin)
            self.board.progress = Progress(epoch + 1, step + 1, self._loss, rate)
        validation = Validation(self._stage, self._session, self._data, self._links, self._turn)
        record = validation.run(epoch + 1, loss_sum / samples, self.board.progress.samples_per_s)
        self._turn += 1
        if record is not None:
            self.board.epochs.append(record)

    def _train_step(self, microbatches: list[Microbatch], epoch: int, step: int) -> None:
        if self._stage.spec.is_first and self.stop.is_set():
            self._end_session()
        self._loss = 0.0
        for action in self._actions(len(microbatches)):
            microbatch = microbatches[action.microbatch]
            if action.kind is Kind.FORWARD:
                self._forward(microbatch)
            else:
                self._backward(microbatch)
        self._check_loss(epoch, step)
        begin = time.perf_counter()
        self._stage.update()
        self.board.seconds.update_s += time.perf_counter() - begin
        self.board.max_held = self._stage.max_held
        self._turn += 1

    def _forward(self, microbatch: Microbatch) -> None:
        inputs = self._inputs(microbatch)
        begin = time.perf_counter()
        outputs = self._compute_forward(microbatch, inputs)
        self.board.seconds.forward_s += time.perf_counter() - begin
        self.board.forward_flops += self._flops(len(microbatch.samples)).forward
        if outputs is not None:
            self._send(self._links.forward_out, outputs, microbatch.index)

    def _compute_forward(self, microbatch: Microbatch, inputs: torch.Tensor) -> torch.Tensor | None:
        if not self._stage.spec.is_last:
            return self._stage.forward(microbatch.index, inputs)
        assert self._data.train_labels is not None
        labels = self._data.train_labels[microbatch.samples]
        self._loss += self._stage.forward_loss(microbatch.index, inputs, labels, microbatch.weight)
        return None

    def _backward(self, microbatch: Microbatch) -> None:
        grad = None
        if not self._stage.spec.is_last:
            grad = self._recv(self._links.backward_in, microbatch.index)
        begin = time.perf_counter()
        input_grad = self._stage.backward(microbatch.index, grad)
        self.board.seconds.backward_s += time.perf_counter() - begin
        self.board.backward_flops += self._flops(len(microbatch.samples)).backward
        if not self._stage.spec.is_first:
            assert input_grad is not None
            self._send(self._links.backward_out, input_grad, microbatch.index)

    def _inputs(self, microbatch: Microbatch) -> torch.Tensor:
        if not self._stage.spec.is_first:
            return self._recv(self._links.forward_in, microbatch.index)
        assert self._data.train_images is not None
        begin = time.perf_counter()
        images = self._data.train_images[microbatch.samples]
        inputs = normalize(images, self._session.normalization)
        self.board.seconds.load_s += time.perf_counter() - begin
        return inputs

    def _recv(self, receiver: Receiver | None, microbatch: int) -> torch.Tensor:
        assert receiver is not None
        begin = time.perf_counter()
        tensor = receiver.recv(self._turn, microbatch)
        self.board.seconds.wait_s += time.perf_counter() - begin
        if tensor is None:
            self._end_session()
        assert tensor is not None
        return tensor

    def _send(self, sender: Sender | None, tensor: torch.Tensor, microbatch: int) -> None:
        assert sender is not None
        begin = time.perf_counter()
        sender.send(tensor, self._turn, microbatch)
        self.board.seconds.wait_s += time.perf_counter() - begin

    def _end_session(self) -> None:
        """Passes the end on, so that every stage has done the same steps."""
        if self._links.forward_out is not None:
            self._links.forward_out.send(None, self._turn, 0)
        raise SessionStopped

    def _check_loss(self, epoch: int, step: int) -> None:
        if math.isfinite(self._loss):
            return
        raise NonFiniteLoss(
            f"the loss became {self._loss} in epoch {epoch + 1}, step {step + 1} of "
            f"{self._session.num_steps} (learning_rate {self._session.learning_rate}): initialize "
            "the network again and train with a lower learning_rate"
        )

    def _build_actions(self, num_microbatches: int) -> list[Action]:
        spec = self._stage.spec
        schedule = build_schedule(self._session.schedule, spec.num_stages, num_microbatches)
        return schedule[spec.index]

    def _count_flops(self, rows: int) -> StageFlops:
        return count_stage_flops(self._stage.spec, rows)
