"""Trained models as files; what writes them is an actor of this process."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from actors.core.errors import InvalidRequest, Unavailable
from http_gateway.calls import model_exports
from http_gateway.calls.model_download import ModelDownloads
from http_gateway.operations.operation import ManagerCall
from http_gateway.operations.table import OPERATIONS
from orchestrator.errors import NoTrainedWeights
from orchestrator.exports.exporter import Exporter
from orchestrator.models.trained_model import model_file
from tests.support.exports import Trained, trained
from tests.support.in_process_ray import InProcessRay

(GET_MODEL,) = (o for o in OPERATIONS if o.name == "get_model")


@pytest.fixture
def own(tmp_path: Path) -> Trained:
    return trained("mlp", tmp_path)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessRay]:
    """Temporary files have a folder of their own, in which nothing is left."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    world = InProcessRay(1)
    with world.installed():
        yield world
        assert not any(actor.is_alive for actor in world.actors)
    assert list(folder.iterdir()) == []


def downloads(own: Trained, asked: list[Any] | None = None) -> ModelDownloads:
    answers = {
        "describe_model": own.model.facts,
        "describe_training": own.record,
        "get_model": own.model,
    }

    def call(call: ManagerCall, arguments: dict[str, Any]) -> Any:
        if asked is not None:
            asked.append((call.name, arguments))
        return answers[call.name]

    return ModelDownloads(call, lambda wanted: ray.put(own.model))


def download(own: Trained, model_format: str, gone: Any = bool) -> Any:
    return downloads(own).file(GET_MODEL, "7", model_format, None, gone)


def test_the_weights_are_a_file_without_a_name(world: InProcessRay, own: Trained) -> None:
    with download(own, "safetensors") as file:
        assert file.read() == b"".join(model_file(own.model))
        assert file.fileno() > 2
    assert world.actors == []


def test_a_bundle_is_written_by_a_process_of_its_own(world: InProcessRay, own: Trained) -> None:
    with download(own, "bundle") as file, zipfile.ZipFile(file) as archive:
        assert "load.py" in archive.namelist()
    assert len(world.actors) == 1


def test_a_checkpoint_is_asked_for_by_its_id(world: InProcessRay, own: Trained) -> None:
    asked: list[Any] = []
    with downloads(own, asked).file(GET_MODEL, "7", "bundle", "step-000000000002", bool):
        pass
    wanted = {"job_id": "7", "checkpoint": "step-000000000002"}
    assert asked == [("describe_model", wanted), ("describe_training", wanted)]


def test_a_bundle_has_the_weights_that_its_card_tells_of(world: InProcessRay, own: Trained) -> None:
    """The job trains on, and its newest checkpoint is another one in the meantime."""
    referred: list[Any] = []

    def refer(wanted: dict[str, Any]) -> Any:
        referred.append(wanted)
        return ray.put(own.model)

    answers = {"describe_model": own.model.facts, "describe_training": own.record}
    desk = ModelDownloads(lambda call, _: answers[call.name], refer)
    with desk.file(GET_MODEL, "7", "bundle", None, bool):
        pass
    assert referred == [{"job_id": "7", "checkpoint": "step-000000000002"}]


def test_what_its_process_refuses_is_told(
    world: InProcessRay, own: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise InvalidRequest("format is torch_export, but must be another")

    monkeypatch.setattr(Exporter, "write", refuse)
    with pytest.raises(InvalidRequest, match="must be another"):
        download(own, "torch_export")


def test_a_process_that_ends_is_told_with_what_helps(
    world: InProcessRay, own: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Exporter, "write", lambda *_: world.end_actors())
    with pytest.raises(Unavailable, match="memory"):
        download(own, "bundle")


@pytest.mark.parametrize("why", ["gone", "late"])
def test_it_ends_with_its_caller_and_in_time(
    world: InProcessRay, own: Trained, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    begun, end = threading.Event(), threading.Event()

    def busy(*_: Any) -> None:
        begun.set()
        end.wait(20)

    monkeypatch.setattr(Exporter, "write", busy)
    if why == "late":
        monkeypatch.setattr(model_exports, "LIMIT_S", -1e6)
    with pytest.raises(Unavailable, match="caller" if why == "gone" else "too long"):
        download(own, "bundle", begun.is_set if why == "gone" else bool)
    end.set()


def test_without_a_model_nothing_is_begun(world: InProcessRay) -> None:
    def refuse(*_: Any) -> Any:
        raise NoTrainedWeights("Job 7 has no trained weights yet: train it first")

    for model_format in ("safetensors", "bundle"):
        with pytest.raises(NoTrainedWeights):
            ModelDownloads(refuse, refuse).file(GET_MODEL, "7", model_format, None, bool)
    assert world.actors == []


def test_without_its_packages_onnx_is_refused_with_the_command_that_installs_them(
    world: InProcessRay, own: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_exports.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidRequest, match=r"pip install 'tandem-train\[onnx\]'"):
        download(own, "onnx")
    assert world.actors == []


def test_a_full_disk_is_told(
    world: InProcessRay, own: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    for model_format in ("safetensors", "bundle"):
        with pytest.raises(Unavailable, match="TMPDIR"):
            download(own, model_format)
