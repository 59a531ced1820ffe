"""Measures a job's devices and the links between them, by LayerActors that have started."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import ray

from actors.core.stages.profiles import ComputeProfile, DeviceProfile, LinkProfile
from actors.probing.device_probe import ComputeResources
from orchestrator.connection.out_of_memory import REMEDY
from orchestrator.errors import ProbeFailed
from orchestrator.jobs.job import Job
from orchestrator.jobs.train_options import TrainOptions
from orchestrator.planning.job_planning import JobPlanning, MeasuredLink
from orchestrator.planning.partition import PlanRequest, check_memory_limits
from orchestrator.sessions.measuring.link_trials import try_links
from orchestrator.sessions.measuring.probe_keys import (
    LinkKey,
    ProbeKey,
    all_cores_key,
    device_key,
    link_key,
    link_question,
    probe_request,
)
from orchestrator.sessions.recovery.group_failure import cause_text, out_of_memory
from orchestrator.sessions.stage_group import StageGroup, StagePlacement

OWN_BUDGET_S = 0.5
ALL_CORES_BUDGET_S = 0.4
PROBE_TIMEOUT_S = 60.0
FRESH_S = 60.0
"""A device may become slower or quicker: what is older is measured again where that can be."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class _Measured(Generic[Key, Value]):
    """A measurement: its result, its subject and its time."""

    def __init__(self) -> None:
        self._entries: dict[Key, tuple[Value, float]] = {}

    def note(self, values: Mapping[Key, Value]) -> None:
        """They were measured just now."""
        now_s = time.monotonic()
        self._entries.update({key: (value, now_s) for key, value in values.items()})

    def knows(self, key: Key, any_age: bool = False) -> bool:
        """And it is fresh, or ``any_age`` will do."""
        entry = self._entries.get(key)
        return entry is not None and (any_age or time.monotonic() - entry[1] < FRESH_S)

    def get(self, key: Key) -> Value | None:
        """A probe of any age."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]


class Probing:
    """For all jobs: what was measured of a device, or of a link, less than a minute ago is not
    measured again."""

    def __init__(self, channel_setting: str) -> None:
        self._setting = channel_setting
        self._lock = threading.Lock()
        self._facts: dict[str, ComputeResources] = {}
        self._computes: _Measured[ProbeKey, ComputeProfile] = _Measured()
        self._links: _Measured[LinkKey, LinkProfile | None] = _Measured()

    def planning(
        self, group: StageGroup, job: Job, request: PlanRequest, options: TrainOptions
    ) -> JobPlanning:
        """Measures what is not known yet for a session with these options.

        Raises ``ProbeFailed`` with the name of a device that was lost in the meantime,
        ``InvalidRequest`` for a limit beyond what the device has.
        """
        wanted = JobPlanning(request)
        counts = [
            wanted.threads(p.device.device_id, options.threads, p.resolved.node.default_threads)
            for p in group.placements
        ]
        self._learn_facts(group)
        self._check_limits(group.placements, request)
        self._learn_computes(
            group, [device_key(p, job, n) for p, n in zip(group.placements, counts, strict=True)]
        )
        self._learn_all_cores(group, job, counts)
        self._learn_links(group, job, options.recipe.wire)
        found = self._collected(group.placements, job, request, options, any_age=True)
        assert found is not None
        return found

    def known(
        self,
        placements: Sequence[StagePlacement],
        job: Job,
        request: PlanRequest,
        options: TrainOptions,
    ) -> JobPlanning | None:
        """The same from earlier measurements; None if some are missing or too old. For a job that
        trains they may be old, because it must not be disturbed."""
        self._check_limits(placements, request)
        return self._collected(placements, job, request, options, any_age=job.is_active)

    def _collected(
        self,
        placements: Sequence[StagePlacement],
        job: Job,
        request: PlanRequest,
        options: TrainOptions,
        any_age: bool,
    ) -> JobPlanning | None:
        wanted, threads, wire = JobPlanning(request), options.threads, options.recipe.wire
        profiles: dict[int, DeviceProfile] = {}
        links: list[MeasuredLink] = []
        with self._lock:
            for p in placements:
                node = p.resolved.node
                key = device_key(
                    p, job, wanted.threads(p.device.device_id, threads, node.default_threads)
                )
                own, facts = self._computes.get(key), self._facts.get(node.node_id)
                if own is None or facts is None or not self._computes.knows(key, any_age):
                    return None
                every = self._computes.get(all_cores_key(p, job))
                profiles[p.device.device_id] = DeviceProfile(
                    int(node.num_cpus), facts.memory_bytes, facts.accelerator, own, every
                )
            for before, after in itertools.pairwise(placements):
                between = link_key(before, after, job, wire)
                if not self._links.knows(between, any_age):
                    return None
                link = self._links.get(between)
                if link is not None:
                    ids = before.device.device_id, after.device.device_id
                    links.append(MeasuredLink(*ids, link, wire))
        return JobPlanning(request, profiles, tuple(links))

    def _check_limits(self, placements: Sequence[StagePlacement], request: PlanRequest) -> None:
        """Checks those limits for which the device's own are known."""
        with self._lock:
            facts = {
                p.device.device_id: self._facts.get(p.resolved.node.node_id) for p in placements
            }
        memory = {i: None if f is None else f.memory_bytes for i, f in facts.items()}
        hosts = {
            p.device.device_id: p.resolved.ip
            for p in placements
            if (f := facts[p.device.device_id]) is not None and f.accelerator is None
        }
        check_memory_limits(request, memory, hosts)

    def _learn_facts(self, group: StageGroup) -> None:
        missing = [
            i for i, p in enumerate(group.placements) if p.resolved.node.node_id not in self._facts
        ]
        answers = _ask(group, {i: group.actors[i].facts.remote() for i in missing})
        with self._lock:
            for i, facts in answers.items():
                self._facts[group.placements[i].resolved.node.node_id] = facts

    def _learn_computes(self, group: StageGroup, keys: Sequence[ProbeKey]) -> None:
        """All devices at once: that is how they will train."""
        missing = [i for i, key in enumerate(keys) if not self._computes.knows(key)]
        asked = {i: probe_request(keys[i], OWN_BUDGET_S) for i in missing}
        refs = {i: group.actors[i].probe.remote(asked[i]) for i in missing}
        answers = _ask(group, refs)
        with self._lock:
            self._computes.note({keys[i]: profile for i, profile in answers.items()})

    def _learn_all_cores(self, group: StageGroup, job: Job, counts: Sequence[int]) -> None:
        """One device a node, and no two at once on one host; an accelerator has no cores."""
        waiting: dict[str, list[tuple[int, ProbeKey]]] = {}
        chosen: set[ProbeKey] = set()
        for i, placement in enumerate(group.placements):
            key = all_cores_key(placement, job)
            is_new = key not in chosen and not self._computes.knows(key)
            if self._facts[key.node_id].accelerator is not None:
                continue
            if key.threads > counts[i] and is_new:
                chosen.add(key)
                waiting.setdefault(placement.resolved.ip, []).append((i, key))
        while waiting:
            turn = {ip: queue.pop(0) for ip, queue in waiting.items()}
            waiting = {ip: queue for ip, queue in waiting.items() if queue}
            keys = dict(turn.values())
            refs = {
                i: group.actors[i].probe.remote(probe_request(key, ALL_CORES_BUDGET_S))
                for i, key in keys.items()
            }
            answers = _ask(group, refs)
            with self._lock:
                self._computes.note({keys[i]: profile for i, profile in answers.items()})

    def _learn_links(self, group: StageGroup, job: Job, wire: str) -> None:
        places = group.placements
        keys = [link_key(places[i], places[i + 1], job, wire) for i in range(len(places) - 1)]
        missing = [i for i, key in enumerate(keys) if not self._links.knows(key)]
        found = try_links(group, missing, link_question(job, wire), self._setting)
        with self._lock:
            self._links.note({keys[i]: found.get(i) for i in missing})


def _ask(group: StageGroup, refs: Mapping[int, Any]) -> dict[int, Any]:
    """Returns the answers by stage; raises ``ProbeFailed``."""
    deadline, answers = time.monotonic() + PROBE_TIMEOUT_S, {}
    for i, ref in refs.items():
        label = group.placements[i].label
        try:
            answers[i] = ray.get(ref, timeout=max(0.0, deadline - time.monotonic()))
        except ray.exceptions.GetTimeoutError as error:
            raise ProbeFailed(
                f"{label} was not measured within {PROBE_TIMEOUT_S:.0f} s: it may be frozen or "
                "overloaded. Try again, or take it out of the job"
            ) from error
        except ray.exceptions.RayError as error:
            if (shortage := out_of_memory(error)) is not None:
                raise ProbeFailed(f"{label} {shortage}. Remedy: {REMEDY}") from error
            raise ProbeFailed(
                f"{label} was lost while it was being measured ({cause_text(error)[:200]}): start "
                "it again, or take it out of the job, and try again"
            ) from error
    return answers
