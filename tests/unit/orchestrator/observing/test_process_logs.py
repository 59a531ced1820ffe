from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from actors import layer_actor
from actors.core.stages.specs import StageLabels
from actors.log_lines import LogLine, LogLines
from orchestrator.errors import StorageUnavailable
from orchestrator.observing import process_logs
from orchestrator.observing.process_logs import ProcessLogs
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

LABELS = StageLabels("3", 2, 1)


def lines(*texts: str) -> list[LogLine]:
    return [LogLine(n, 1_700_000_000_250, "INFO", "actors.x", t) for n, t in enumerate(texts)]


def texts(page: dict[str, Any]) -> list[str]:
    return [line["text"] for line in page["lines"]]


def test_a_line_tells_when_where_and_by_what_it_was_written(tmp_path: Path) -> None:
    logs = ProcessLogs(tmp_path / "logs")
    logs.append(LABELS, lines("two\nlines"))
    assert logs.page("3", None, 10) == {
        "lines": [
            {
                "seq": 1,
                "at": "2023-11-14T22:13:20.250+00:00",
                "level": "INFO",
                "job_id": "3",
                "generation": 2,
                "device_id": 1,
                "logger": "actors.x",
                "text": "two\nlines",
            }
        ],
        "next_after": 1,
    }


def test_lines_are_read_from_where_they_are_asked_for(tmp_path: Path) -> None:
    logs = ProcessLogs(tmp_path)
    assert logs.page("3", None, 10) == {"lines": [], "next_after": 0}
    logs.append(LABELS, lines("a", "b", "c"))
    logs.append(StageLabels("4", 1, 1), lines("of another job"))
    assert texts(logs.page("3", None, 2)) == ["b", "c"]
    first = logs.page("3", 0, 2)
    assert texts(first) == ["a", "b"] and first["next_after"] == 2
    assert texts(logs.page("3", first["next_after"], 2)) == ["c"]
    assert logs.page("3", 99, 2) == {"lines": [], "next_after": 99}


def test_what_is_kept_is_bounded_and_counts_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_logs, "MAX_FILE_BYTES", 500)
    logs = ProcessLogs(tmp_path)
    for number in range(50):
        logs.append(LABELS, lines(f"line {number}"))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2_000
    kept = logs.page("3", None, 1_000)["lines"]
    assert [line["text"] for line in kept] == [f"line {line['seq'] - 1}" for line in kept]
    assert 2 <= len(kept) < 20 and kept[-1]["seq"] == 50


def test_another_job_manager_counts_on_behind_a_line_that_was_cut_off(tmp_path: Path) -> None:
    ProcessLogs(tmp_path).append(LABELS, lines("a", "b"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    logs = ProcessLogs(tmp_path)
    logs.append(LABELS, lines("c"))
    assert [(line["seq"], line["text"]) for line in logs.page("3", 0, 9)["lines"]] == [
        (1, "a"),
        (2, "c"),
    ]


def test_a_deleted_jobs_lines_go(tmp_path: Path) -> None:
    logs = ProcessLogs(tmp_path)
    logs.append(LABELS, lines("a"))
    logs.forget("3")
    logs.forget("never there")
    assert list(tmp_path.iterdir()) == [] and logs.page("3", None, 9)["lines"] == []


def test_a_disk_that_refuses_lines_keeps_nothing_from_going_on(tmp_path: Path) -> None:
    (tmp_path / "job-3.jsonl").mkdir()  # where the file should be
    logs = ProcessLogs(tmp_path)
    logs.append(LABELS, lines("a"))
    with pytest.raises(StorageUnavailable):
        logs.page("3", None, 9)


def test_the_devices_of_a_job_tell_what_they_do(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = LogLines()
    monkeypatch.setattr(layer_actor, "keep_log_lines", lambda: kept)
    monkeypatch.setattr(logging.getLogger("actors"), "handlers", [kept])
    caplog.set_level(logging.INFO, "actors")
    manager = world.manager
    job_id = manager.create_job(
        {"layer_sizes": [64, 8, 8, 10]}, {"name": "digits", "batch_size": 64}
    )
    for node in (1, 2):
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    manager.train(job_id, {"epochs": 1, "threads": 1})
    wait_until(lambda: manager.get_job(job_id)["status"] == "completed", 20.0, "it trains on")
    told = manager.list_logs(job_id)["lines"]
    begun = {line["text"] for line in told if " trains: " in line["text"]}
    assert {text[:12] for text in begun} == {"Stage 1 of 2", "Stage 2 of 2"}
    assert {line["job_id"] for line in told} == {job_id}
    assert {line["generation"] for line in told} == {1}
    manager.delete_job(job_id)
    assert not list((world.storage / "logs").iterdir())
