"""Messages after Ray's memory monitor ended a process, or PyTorch was refused memory."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

from orchestrator.connection.out_of_memory import last_kill, refused, shortage
from orchestrator.manager.manager_end import RayletLog
from orchestrator.sessions.recovery.group_failure import cause_text
from orchestrator.sessions.session_watch import SessionWatch
from orchestrator.sessions.starting.start_failure import why_not_started

MANAGER, OTHER = "job_manager:JobManagerActor", "job-1-generation-1-stage-0:LayerActor"


def killed(actor: str = MANAGER, used: int = 1_029_939_200, threshold: int = 1_020_054_720) -> str:
    """Ray 2.60's message."""
    return (
        "1 worker(s) were killed due to the node running low on memory. Memory on the node "
        "(IP: 10.0.0.7, ID: 0d6f5a) was 0.96GB used / 1.00GB limit (0.960518)\n"
        f"OOM kill reason: Memory usage {used}B exceeded threshold of {threshold}B (95.0% of "
        "1073741824B limit)\nObject store memory usage: [- objects spillable: 0\n]\n"
        "Considered workers: [\n"
        f"Selected to kill: (Actor(f0d6c0): job ID=01, lease ID=00, task name={actor}.__init__, "
        "required resources={}, pid=2868, actual memory used=0.20GB, worker ID=bb)\n]\n"
        "Top 10 memory users: PID\tMEM(GB)\tCOMMAND\n"
        "2868\t0.20\tray::JobManagerActor\n"
        "1924\t0.07\t/home/ann/.venv/bin/python3 /home/ann/secret.py --key=1\n"
    )


def log_of(*kills: str) -> str:
    lines = (
        f"[2026-11-30 06:05:15,928 I 1 1] (raylet) Killing 1 worker(s), kill details: {kill} "
        "suggestions: Refer to the documentation\n"
        for kill in kills
    )
    return "[2026] (raylet) began\n" + "".join(lines)


def test_a_shortage_names_host_use_limit_and_who_has_it() -> None:
    text = shortage(killed())
    assert text is not None and text.startswith("ran out of memory")
    assert "1.0 GB of 1.1 GB" in text and "10.0.0.7" in text
    assert "ray::JobManagerActor (process 2868, 0.20 GB)" in text
    assert "RAY_memory_usage_threshold" not in text
    assert "secret" not in text and "ann" not in text, "others' arguments are nobody's business"


def test_a_threshold_that_was_set_is_named() -> None:
    text = shortage(killed(threshold=53_687_091))
    assert text is not None and "RAY_memory_usage_threshold" in text and "5%" in text


@pytest.mark.parametrize(
    "words",
    [
        "",
        "The actor died: (1) the process was killed by the OOM killer due to high memory usage",
        "ActorDiedError: killed by ray.kill",
    ],
)
def test_what_only_might_be_a_shortage_is_none(words: str) -> None:
    assert shortage(words) is None and refused(words) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000000 bytes.",
            "4.0 GB",
        ),
        ("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has", "2.00 GiB"),
        ("MemoryError: ", "Python"),
    ],
)
def test_memory_that_was_refused_is_told_with_its_size(words: str, said: str) -> None:
    text = refused(words)
    assert text is not None and said in text


def test_the_last_time_that_an_actor_was_ended_is_found_in_the_log() -> None:
    log = log_of(killed(used=1), killed(OTHER, used=2), killed(used=3), killed(OTHER, used=4))
    kill = last_kill(log, "JobManagerActor")
    assert kill is not None and "Memory usage 3B" in kill and "Memory usage 4B" not in kill
    assert last_kill(log, "Manager") is None and last_kill("", "JobManagerActor") is None


def test_the_jobmanager_s_end_is_told_until_it_answers_again(tmp_path: Path) -> None:
    log = tmp_path / "raylet.out"
    watched = RayletLog(log)
    assert watched.why_ended() is None, "there is no log"
    log.write_text(log_of(killed(OTHER)))
    assert watched.why_ended() is None, "another actor's"
    log.write_text(log_of(killed(OTHER), killed()))
    why = watched.why_ended()
    assert why is not None and why.startswith("The JobManager ran out of memory")
    watched.skip()
    assert watched.why_ended() is None
    log.write_text(log_of(killed()))
    assert watched.why_ended() is not None, "a new log"


def test_a_host_that_is_too_full_for_the_jobmanager_is_told_though_nothing_was_ended(
    tmp_path: Path,
) -> None:
    log = tmp_path / "raylet.out"
    watched = RayletLog(log)
    log.write_text(
        "(raylet) threshold_memory_monitor.cc:128: Node memory usage above threshold, used: "
        "7099437056, threshold_bytes: 505530272, total bytes: 25276514304, threshold fraction: 0.02"
    )
    why = watched.why_silent()
    assert why is not None and "7.1 GB of 25.3 GB" in why and "RAY_memory_usage_threshold" in why
    assert watched.why_ended() is None
    watched.skip()
    assert watched.why_silent() is None


def test_a_device_that_ran_out_of_memory_is_left_out_for_a_while() -> None:
    placement = SimpleNamespace(label="device 2", device=SimpleNamespace(device_id=2))
    watch = SessionWatch(SimpleNamespace(placements=[placement]), [], 1.0, lambda _: None)
    failure = watch._describe(0, ray.exceptions.OutOfMemoryError(killed()))
    assert failure.can_recover and failure.suspect is not None and failure.suspect.device_id == 2
    assert failure.message.startswith("device 2 ran out of memory") and "batches" in failure.message


def test_what_pytorch_was_refused_would_be_refused_again() -> None:
    placement = SimpleNamespace(label="device 2", device=SimpleNamespace(device_id=2))
    watch = SessionWatch(SimpleNamespace(placements=[placement]), [], 1.0, lambda _: None)
    error = RuntimeError("can't allocate memory: you tried to allocate 4000000000 bytes")
    failure = watch._describe(0, ray.exceptions.RayTaskError("run", "trace", error))
    assert not failure.can_recover
    assert failure.message.startswith("device 2 ran out of memory") and "4.0 GB" in failure.message


def test_a_start_and_a_measurement_tell_it_too() -> None:
    error = ray.exceptions.OutOfMemoryError(killed())
    assert why_not_started(error).startswith("ran out of memory") and "batches" in why_not_started(
        error
    )
    assert cause_text(error).startswith("ran out of memory")
