"""What a stage tells Ray's metrics, and that the Grafana board asks for nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest

from actors import ray_figures
from actors.core.stages.specs import StageLabels
from actors.loop.reports import Progress, StageReport, StageSeconds
from actors.ray_figures import RayFigures
from http_gateway.prometheus.families import families

BOARD = Path(__file__).parents[3] / "deploy" / "grafana" / "tandem.json"
LABELS = StageLabels("7", 2, 1)


class Recorded:
    """Stands for Ray's metrics of both kinds; ``values`` by name and further tag."""

    values: ClassVar[dict[tuple[str, ...], float]] = {}

    def __init__(self, name: str, about: str, tag_keys: tuple[str, ...]) -> None:
        assert about
        self.name, self.tag_keys = name, tag_keys

    def set(self, value: float | None, tags: dict[str, str]) -> None:
        if value is not None:
            self.values[self._key(tags)] = value

    def inc(self, value: float, tags: dict[str, str]) -> None:
        assert value > 0
        self.values[self._key(tags)] = self.values.get(self._key(tags), 0.0) + value

    def _key(self, tags: dict[str, str]) -> tuple[str, ...]:
        assert tags.keys() == set(self.tag_keys)
        assert (tags["job_id"], tags["device_id"]) == ("7", "1")
        return (self.name, *(tags[key] for key in self.tag_keys[2:]))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ...], float]:
    monkeypatch.setattr(Recorded, "values", {})
    monkeypatch.setattr(ray_figures, "Counter", Recorded)
    monkeypatch.setattr(ray_figures, "Gauge", Recorded)
    return Recorded.values


def report(seconds: StageSeconds, step: int = 1) -> StageReport:
    progress = Progress(2, step, 0.5, 100.0)
    return StageReport(progress, (), (), seconds, 3 * 10**12, 10**12, 2)


def test_seconds_count_on_and_the_rest_is_as_it_is(recorded: dict[Any, float]) -> None:
    figures = RayFigures(LABELS, is_last=True)
    figures.tell(report(StageSeconds(load_s=1.0, forward_s=2.0, wait_s=4.0)))
    figures.tell(report(StageSeconds(load_s=1.0, forward_s=3.0, wait_s=8.0), step=9), at_once=True)
    assert recorded["tandem_device_seconds", "forward"] == 3.0
    assert recorded["tandem_device_seconds", "waiting"] == 8.0
    assert recorded["tandem_device_seconds", "loading"] == 1.0
    assert recorded["tandem_device_tflops", "forward"] == 1.0
    assert recorded["tandem_device_tflops", "backward"] == 0.0
    assert recorded[("tandem_job_step",)] == 9 and recorded[("tandem_job_loss",)] == 0.5


def test_ray_is_told_once_a_second_at_most(
    recorded: dict[Any, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = RayFigures(LABELS, is_last=True)
    figures.tell(report(StageSeconds(), step=1))
    figures.tell(report(StageSeconds(), step=2))
    assert recorded[("tandem_job_step",)] == 1
    monkeypatch.setattr(ray_figures, "TOLD_EACH_S", 0.0)
    figures.tell(report(StageSeconds(), step=3))
    assert recorded[("tandem_job_step",)] == 3


def test_only_the_last_stage_tells_of_the_job(recorded: dict[Any, float]) -> None:
    RayFigures(LABELS, is_last=False).tell(report(StageSeconds(wait_s=1.0)))
    assert {name for name, *_ in recorded} == {"tandem_device_seconds", "tandem_device_tflops"}


def test_trouble_with_ray_does_not_reach_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Recorded):
        def set(self, value: float | None, tags: dict[str, str]) -> None:
            raise RuntimeError("the agent is gone")

    monkeypatch.setattr(ray_figures, "Counter", Recorded)
    monkeypatch.setattr(ray_figures, "Gauge", Broken)
    RayFigures(LABELS, is_last=True).tell(report(StageSeconds()))


def test_the_board_asks_for_metrics_that_there_are(recorded: dict[Any, float]) -> None:
    RayFigures(LABELS, True).tell(report(StageSeconds(*[1.0] * 6)))
    of_gateway = {"tandem_gateway_request_seconds_count", "tandem_gateway_request_seconds_bucket"}
    for family in families({"jobs_by_status": {}, "jobs": []}):
        of_gateway.add(family.name + ("_total" if family.type == "counter" else ""))
    counters = {"tandem_device_seconds"}
    of_ray = {f"ray_{n}{'_total' if n in counters else ''}" for n, *_ in recorded}
    board = json.loads(BOARD.read_text("utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    named = {name for text in asked for name in re.findall(r"\b(?:ray_)?tandem_\w+", text)}
    assert named and named <= of_gateway | of_ray
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
