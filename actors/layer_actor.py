"""The Ray actor that hosts one stage; a plain class, wrapped late.

It trains in its default concurrency group and answers in others while it does: ``control`` for
polls and stops, one more for each direction of mail.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ray

from actors.channels.edge_ends import EdgeEnds, EdgeSpec
from actors.copies.snapshot_keeper import HeldSnapshot, SnapshotKeeper
from actors.copies.snapshot_transport import ActorCopier, PackedSnapshot, SentSnapshot, fetch, pack
from actors.core.errors import TandemError
from actors.core.feeding.rows import TensorRows
from actors.core.progress.snapshot_cadence import Boundary
from actors.core.progress.snapshots import Position
from actors.core.stages.compute_device import this_device
from actors.core.stages.profiles import ComputeProfile
from actors.core.stages.specs import SessionSpec, StageLabels, StageSpec
from actors.core.stages.stage import Stage
from actors.core.tracing.host_clocks import HostTime
from actors.core.tracing.slices import StageTrace, TraceWindow
from actors.feeding.given_rows import GivenRows
from actors.feeding.reading import Reading
from actors.host.allocator import keep_freed_memory
from actors.host.host_kind import HostKind, this_host
from actors.host.host_limits import kernel_kills
from actors.host.this_boot import host_time
from actors.host.use_meter import UseMeter
from actors.link_watch import LinkWatch
from actors.log_lines import LogLine, keep_log_lines
from actors.loop.orders import Orders
from actors.loop.reports import DeviceUse, KernelKills, Seen, StageReport
from actors.loop.stage_io import StageData, StageLinks
from actors.loop.stage_loop import StageLoop
from actors.loop.tracer import Tracer
from actors.probing.device_probe import ComputeResources, compute_resources
from actors.probing.link_trial import TrialSpec, TrialTimes, throw, throw_back
from actors.probing.probe_request import ProbeRequest
from actors.probing.stage_probe import probe
from actors.ray_figures import RayFigures

if TYPE_CHECKING:
    from actors.channels.pair_group import Introduction

logger = logging.getLogger(__name__)

CONCURRENCY_GROUPS = {"control": 4, "copies": 1, "forward_mail": 1, "backward_mail": 1}

# The arrays are shared with other processes; they are only ever read.
warnings.filterwarnings("ignore", message="The given NumPy array is not writable")


class LayerActor:
    """Hosts a stage for one generation: build, connect, run, and give the state back.

    ``group`` names the generation; copies of snapshots are taken from no other one.
    """

    def __init__(self, group: str) -> None:
        keep_freed_memory()
        self._lines = keep_log_lines()
        self._group = group
        self._device = this_device()
        self._use = UseMeter(self._device)
        self._stage: Stage | None = None
        self._loop: StageLoop | None = None
        self._keeper = SnapshotKeeper()
        self._watch = LinkWatch()
        self._ends = EdgeEnds(self._device)
        self._orders = Orders()
        self._tracer: Tracer | None = None
        self._figures: RayFigures | None = None
        self._given: list[GivenRows | None] = [None] * 4

    def host(self) -> HostKind:
        """Answers once this process has started."""
        return this_host(self._device)

    def facts(self) -> ComputeResources:
        """The facts of the device."""
        return compute_resources(self._device)

    def probe(self, request: ProbeRequest) -> ComputeProfile:
        """How fast it computes; before ``build``."""
        return probe(request, self._device)

    def throw(self, spec: TrialSpec) -> tuple[TrialTimes, TrialTimes]:
        """Tries the channels to the next stage, which has to call ``throw_back``."""
        return throw(
            self._ends.senders["forward"], self._ends.receivers["backward"], spec, self._device
        )

    def throw_back(self, spec: TrialSpec) -> tuple[float, float]:
        """The other end of a trial."""
        return throw_back(
            self._ends.receivers["forward"], self._ends.senders["backward"], spec, self._device
        )

    def end_trial(self) -> None:
        """Closes the channels."""
        self._ends.forget()

    def build(self, spec: StageSpec, state: SentSnapshot | None) -> HostKind:
        """Builds the stage, from ``state`` or from the seed; returns by what it was built."""
        if state is None:
            self._stage = Stage(spec, device=self._device)
        else:
            given = fetch(state)
            self._stage = Stage(spec, given.weights, given.optimizer, self._device)
        return this_host(self._device)

    def copy_to(self, keeper: Any, keeper_stage: int | None) -> None:
        """``keeper`` is the actor that keeps a copy of this stage's snapshots: another stage, or
        the JobManager, which watches this stage anyway."""
        self._keeper.copier = ActorCopier(keeper, self._group)
        if keeper_stage is not None:
            self._watch.add(keeper_stage, keeper)

    def connect_out(
        self, edge: EdgeSpec, reader: Any, reader_stage: int, reader_node_id: str
    ) -> Any:
        """Opens the sending end; returns what the reader's ``connect_in`` wants."""
        self._watch.add(reader_stage, reader)
        return self._ends.open_out(edge, reader, reader_node_id)

    def connect_in(self, edge: EdgeSpec, writer: Any, opened: Any) -> None:
        """Opens the receiving end of what ``writer`` has opened."""
        self._ends.open_in(edge, writer, opened)

    @ray.method(concurrency_group="control")
    def meet_reader(self, direction: str, reader: Introduction) -> None:
        """The reader's data for kinds of channel that need them before the two ends can connect."""
        self._ends.meet_reader(direction, reader)

    def load(self, references: Sequence[Any], reading: Reading, timeout_s: float) -> None:
        """Fetches the data: references to training inputs and targets, then to those of validation,
        each to an array or to what reads its rows; None for those that this stage does not need.

        Ray would hold back every later call, polls too, until a call's own arguments have arrived.
        So the references are within a list, which Ray leaves alone.
        """
        self._given = [
            None if r is None else GivenRows(r, ray.get(r, timeout=timeout_s), reading)
            for r in references
        ]

    def run(self, session: SessionSpec, labels: StageLabels) -> bool:
        """Trains; True when all epochs are done, False when stopped before."""
        assert self._stage is not None, "build comes first"
        stage, links, keeper = self._stage, self._links(), self._keeper
        with ExitStack() as until, self._watch.running():
            data = self._rows_of(session, until)
            self._figures = RayFigures(labels, stage.spec.is_last)
            self._loop = StageLoop(stage, session, data, links, keeper, self._orders)
            return self._run_loop(self._loop, self._figures, session.start.position)

    def _run_loop(self, loop: StageLoop, figures: RayFigures, begin: Position) -> bool:
        assert self._stage is not None
        spec, (epoch, step) = self._stage.spec, begin
        logger.info(
            "Stage %d of %d (layers %d to %d) trains: epoch %d, step %d of the session",
            spec.index + 1,
            spec.num_stages,
            spec.start + 1,
            spec.end,
            epoch + 1,
            step + 1,
        )
        try:
            is_complete = loop.run()
        except TandemError as error:  # its words say it all
            logger.warning("Stage %d can't go on: %s", spec.index + 1, error.message)
            raise
        except Exception:
            logger.exception("Stage %d can't go on", spec.index + 1)
            raise
        finally:
            figures.tell(loop.board.report(Seen()), at_once=True)
        logger.info("Stage %d has ended", spec.index + 1)
        return is_complete

    def _rows_of(self, session: SessionSpec, until: ExitStack) -> StageData:
        inputs, targets, val_inputs, val_targets = self._given
        return StageData(
            None if inputs is None else inputs.training(session, until),
            None if targets is None else TensorRows(targets.all_rows),
            None if val_inputs is None else val_inputs.validation(session, until),
            None if val_targets is None else TensorRows(val_targets.all_rows),
        )

    def state(self) -> PackedSnapshot:
        """The state at the end of the run."""
        assert self._loop is not None, "run comes first"
        return pack(self._loop.state())

    @ray.method(concurrency_group="control")
    def poll(self, seen: Seen) -> StageReport | None:
        """The news of the run since ``seen``; None before it runs. This is also the heartbeat."""
        self._watch.polled()
        if self._loop is None:
            return None
        checkpoint = self._keeper.checkpoint_position()  # first: its step is in the report then
        report = self._loop.board.report(seen)
        if self._figures is not None:
            self._figures.tell(report)
        silent_s, kills = self._watch.silent_s(), KernelKills(*kernel_kills())
        use = DeviceUse(*self._ends.traffic(), self._use.memory_bytes(), self._use.power_w())
        return replace(
            report,
            checkpoint=checkpoint,
            silent_s=silent_s,
            kills=kills,
            lines=self._lines.after(seen.lines),
            use=use,
        )

    @ray.method(concurrency_group="control")
    def pong(self) -> None:
        """A neighbour's heartbeat over the link that the messages take, too."""

    @ray.method(concurrency_group="control")
    def stop(self, boundary: Boundary) -> None:
        """Ends the run there; stage 0 passes it on to the others."""
        self._orders.stop(boundary)

    @ray.method(concurrency_group="control")
    def take_checkpoint(self, boundary: Boundary) -> None:
        """Makes all stages take a snapshot there that waits to be fetched; called on stage 0."""
        self._orders.take_checkpoint(boundary)

    @ray.method(concurrency_group="control")
    def clock(self) -> HostTime:
        """Now, by the clock of what ``traced`` tells."""
        return host_time()

    @ray.method(concurrency_group="control")
    def trace(self, window: TraceWindow) -> int:
        """Has these steps recorded. Returns the step under way, counted from 0 within the session,
        or the last one, -1 before the first. If the window begins no later, nothing is recorded."""
        self._tracer = Tracer(window, self._device.defers)
        return self._orders.trace(self._tracer)

    @ray.method(concurrency_group="control")
    def traced(self, wait_s: float) -> StageTrace:
        """What was recorded: all that was asked for, or what there is after ``wait_s``."""
        assert self._tracer is not None, "trace comes first"
        found = self._tracer.result(wait_s)
        self._orders.end_trace()
        return found

    @ray.method(concurrency_group="control")
    def held(self) -> tuple[HeldSnapshot, ...]:
        """The snapshots in this process."""
        return self._keeper.held()

    @ray.method(concurrency_group="control")
    def snapshot(self, start: int, position: Position) -> PackedSnapshot | None:
        """One of them; None when it is no longer kept."""
        found = self._keeper.get(start, position)
        return None if found is None else pack(found)

    @ray.method(concurrency_group="copies")
    def keep_copy(self, group: str, sent: SentSnapshot) -> None:
        """Keeps a neighbour's snapshot."""
        if group == self._group:
            self._keeper.keep_copy(fetch(sent))

    @ray.method(concurrency_group="control")
    def abort(self) -> tuple[LogLine, ...]:
        """Closes all channels, which wakes every thread that waits at one with an error. Returns
        the last lines of the log, some of which may have been told."""
        self._ends.close()
        return self._lines.after(0)

    @ray.method(concurrency_group="forward_mail")
    def stream_forward(self, stream_id: str) -> Iterator[bytes]:
        """The forward messages, for the neighbour that gets them by actor call."""
        yield from self._ends.stream("forward", stream_id)

    @ray.method(concurrency_group="backward_mail")
    def stream_backward(self, stream_id: str) -> Iterator[bytes]:
        """The backward messages, likewise."""
        yield from self._ends.stream("backward", stream_id)

    def _links(self) -> StageLinks:
        return StageLinks(
            forward_in=self._ends.receivers.get("forward"),
            forward_out=self._ends.senders.get("forward"),
            backward_in=self._ends.receivers.get("backward"),
            backward_out=self._ends.senders.get("backward"),
        )
