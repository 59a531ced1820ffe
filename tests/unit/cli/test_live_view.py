"""The view of a job in a terminal, and what remains of it elsewhere."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from http_gateway.cli.showing.live_view import (
    JsonView,
    PlainView,
    TerminalView,
    console_view,
    epoch_text,
    new_console,
)
from http_gateway.cli.showing.tables import device_rows, epoch_table
from tests.support.fake_job_client import DETAILS
from tests.support.scripted_job_client import ScriptedJobClient, job_at

TANDEM = "from http_gateway.cli.main import app; app()"


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_shows_bar_last_epoch_and_devices_at_once() -> None:
    console = terminal()
    with TerminalView(console) as view:
        view.show(job_at(1, 2))
    shown = text_of(console)
    for words in ("training, epoch 2/3", "step 2/4", "loss 0.5000", "1,234 samples/s"):
        assert words in shown
    assert "epoch 1: train loss 1.0000" in shown and "10.0.0.2:5001" in shown


def test_a_terminal_shows_what_a_job_that_recovers_waits_for() -> None:
    console = terminal()
    with TerminalView(console) as view:
        recovery = {"waiting_for": ["10.0.0.2:5001"]}
        view.show(job_at(1, 2, "recovering", recovery=recovery, newest_event="Device 2 is gone"))
    shown = text_of(console)
    assert "recovering, epoch 2/3" in shown
    assert "recovering: waits for 10.0.0.2:5001 (Device 2 is gone)" in shown


def test_a_storage_in_trouble_is_shown_while_it_lasts_and_told_once() -> None:
    trouble = "the disk is full; free some space there"
    console = terminal()
    with TerminalView(console) as view:
        view.show(job_at(1, 2, storage_error=trouble))
    assert f"not saved yet: {trouble}" in text_of(console)
    console = Console(file=io.StringIO(), width=100)
    with PlainView(console) as plain:
        for storage in ({"storage_error": trouble}, {"storage_error": trouble}, {}, {}):
            plain.show(job_at(0, 2, **storage))
    assert text_of(console).splitlines() == [f"not saved yet: {trouble}", "saved again"]
    stream = io.StringIO()
    with JsonView(stream) as lines:
        for storage in ({"storage_error": trouble}, {}):
            lines.show(job_at(0, 2, **storage))
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    storage_lines = [line for line in told if line["event"] == "storage"]
    assert [line["error"] for line in storage_lines] == [trouble, None]


def test_the_picture_gives_way_to_the_tables() -> None:
    console = terminal()
    with TerminalView(console) as view:
        view.step("created", "Job 1 [created]")
        view.show(job_at(0))
        view.show({**DETAILS, "progress": None})
        view.end(job_at(3, status="completed"))
    shown = text_of(console)
    assert shown.startswith("Job 1 [created]\n")
    tables = shown.split("Job 1 is completed.")[1]
    assert "validation accuracy" in tables and "10.0.0.2:5001" in tables
    assert "epoch 3/3" not in tables


def test_what_can_not_move_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(console_view(Console(file=io.StringIO()))) is PlainView
    monkeypatch.setenv("TERM", "xterm")
    assert type(console_view(terminal())) is TerminalView
    monkeypatch.setenv("TERM", "dumb")
    assert type(console_view(terminal())) is PlainView


def test_a_forced_colour_stays_out_of_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    view = console_view(new_console())
    view.show(job_at(1, 2))
    view.end(job_at(1, 2, "stopped"))
    out = capsys.readouterr().out
    assert "epoch 1:" in out and "\x1b" not in out


def test_devices_that_have_not_reported_are_left_out() -> None:
    assert device_rows(DETAILS) == []
    job = job_at(1, 2)
    job["registered_devices"].append({"device_id": 3, "ip": "10.0.0.3", "port": 5001})
    assert [row["device_id"] for row in device_rows(job)] == [1, 2]


@pytest.fixture
def pty() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal."""
    ours, theirs = os.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def test_a_real_terminal_is_drawn_in_and_left_as_it_was(
    fake: ScriptedJobClient, url: str, pty: tuple[int, int]
) -> None:
    fake.script = [job_at(1, 2)]
    command = [sys.executable, "-c", TANDEM, "watch", "7", "--url", url]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pty[1], stderr=subprocess.PIPE, env=env
    )
    assert process.stderr is not None
    with process.stderr:
        shown = read_until(pty[0], "step 2/4")
        assert "\x1b[?25l" in shown  # the cursor is hidden
        process.send_signal(signal.SIGINT)
        shown += read_until(pty[0], "\x1b[?25h")  # and is there again
        assert process.wait(10) == 130
        assert process.stderr.read() == b"tandem: Job 7 goes on without being watched\n"


def read_until(fd: int, words: str) -> str:
    """The terminal's output, up to these words."""
    shown = ""
    while words not in shown:
        assert select.select([fd], [], [], 20.0)[0], shown
        shown += os.read(fd, 65536).decode(errors="replace")
    return shown


def test_metrics_of_any_name_are_told_and_one_without_a_value_is_none() -> None:
    record = {
        "epoch": 2,
        "session": 1,
        "train_loss": 0.5,
        "samples_per_s": 1234.0,
        "val_r2": None,
        "val_top5_accuracy": 0.9876,
        "val_loss": 0.25,
    }
    told = "validation loss 0.2500, r2 none, top5 accuracy 98.76%"
    assert epoch_text(record) == f"epoch 2: train loss 0.5000, {told}, 1,234 samples/s"
    console = Console(file=io.StringIO(), width=120)
    console.print(epoch_table([record, {**record, "epoch": 3, "val_r2": -0.5}]))
    shown = text_of(console)
    assert "validation r2" in shown and "98.76%" in shown
    assert "none" in shown and "-0.5000" in shown
