"""No text and nothing that is done to stdout keeps a command from its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

SAYS = """
import sys, time
import typer
from http_gateway.process import interrupts, output
from http_gateway.cli.root import Root

app = typer.Typer(cls=Root, pretty_exceptions_enable=False)

@app.command()
def say() -> None:
    print("Stopping … ✓ ü", flush=True)
    with interrupts.held():
        print("the end is reached", file=sys.stderr)

@app.command()
def watch() -> None:
    print("begun", flush=True)
    while True:
        output.notice_closed_pipe()
        time.sleep(0.01)

@app.command()
def serve() -> None:
    with interrupts.held():
        try:
            with interrupts.interruptible(interrupts.SIGNALS):
                while True:
                    print("x" * 100_000, file=sys.stdout, flush=True)
                    print("begun", file=sys.stderr, flush=True)
                    time.sleep(0.01)
        except KeyboardInterrupt:
            print("y" * 100_000, flush=True)
            print("ended", file=sys.stderr)

app()
"""


def command(name: str, **arguments: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SAYS, name], stderr=subprocess.PIPE, text=True, **arguments
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252:strict"])
def test_no_encoding_lacks_a_letter(encoding: str) -> None:
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    with command("say", env=env, stdout=subprocess.DEVNULL) as process:
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "the end is reached\n")


def test_a_closed_stdout_is_no_hindrance_and_no_file_takes_its_place() -> None:
    with command("say", preexec_fn=lambda: os.close(1)) as process:
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "the end is reached\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_told_at_the_end() -> None:
    with open("/dev/full", "w") as full, command("say", stdout=full) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.splitlines()[0] == "the end is reached" and "No space left" in err


def test_a_pipe_that_nobody_reads_any_more_interrupts_a_command() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with command("say", stdout=writer) as process:
        os.close(writer)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (128 + signal.SIGPIPE, "")


def test_what_has_nothing_to_show_ends_without_a_reader_too() -> None:
    with command("watch", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        process.stdout.close()
        assert process.wait(30) == 128 + signal.SIGPIPE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_service_goes_on_without_a_reader_and_ends_when_it_is_asked_to(number: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with command("serve", stdout=writer) as process:
        os.close(writer)
        assert process.stderr is not None
        assert [process.stderr.readline() for _ in range(3)] == ["begun\n"] * 3
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0 and err.splitlines()[-1] == "ended"


def test_a_reader_that_reads_nothing_keeps_no_service_from_its_end() -> None:
    with command("serve", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(1)  # it has begun to write, and soon waits
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr.read().splitlines()[-1] == "ended"
