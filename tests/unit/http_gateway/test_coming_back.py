"""A gateway that begins again: what it hands over to itself, and its answers until then."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from http_gateway.app import create_app
from http_gateway.calls.repeats import may_repeat, unanswered
from http_gateway.operations.idempotency import BEGIN_REQUEST
from http_gateway.operations.table import OPERATIONS
from http_gateway.process.coming_back import VARIABLE, ComingBack, SwitchedApp, WaitingJobClient
from tests.support.answers import error_of, json_of

REASON = "The Ray head at 192.168.1.5:6379 is gone"
AGAIN = """
import os, socket, sys
from http_gateway.process.coming_back import ComingBack, execute_again
back = ComingBack.take(os.environ)
if back is None:
    environ = dict(os.environ)
    os.environ["LATER"] = "1"
    listener = socket.create_server(("127.0.0.1", 0))
    other = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(other, True)
    print(os.getpid(), listener.getsockname()[1], other, *sys.argv[1:], flush=True)
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    execute_again(listener, f"gone – {other}", environ)
with back.listener() as listener:
    listener.settimeout(10)
    print(os.getpid(), listener.getsockname()[1], back.reason, "LATER" in os.environ, flush=True)
    try:
        os.fstat(int(back.reason.split()[-1]))
    except OSError:
        print("nothing else is open")
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        print("no children")
    connection, _ = listener.accept()
    connection.sendall(b"here")
    connection.close()
"""


def test_what_is_left_is_taken_once() -> None:
    environ = {VARIABLE: json.dumps({"listener_fd": 7, "reason": REASON}), "HOME": "/"}
    assert ComingBack.take(environ) == ComingBack(7, REASON)
    assert environ == {"HOME": "/"}
    assert ComingBack.take(environ) is None


def test_the_same_process_goes_on_at_the_same_port() -> None:
    command = [sys.executable, "-c", AGAIN, "an argument"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid, port, other, *arguments = process.stdout.readline().split()
        assert (int(pid), arguments) == (process.pid, ["an", "argument"])
        # Nobody is refused, however long the new beginning takes.
        with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as connection:
            assert connection.recv(10) == b"here"
        assert process.stdout.readline() == f"{pid} {port} gone – {other} False\n"
        assert process.stdout.readline() == "nothing else is open\n"
        assert process.stdout.readline() == "no children\n"
        assert process.wait(10) == 0


def test_a_gateway_that_waits_says_for_what(subtests: pytest.Subtests) -> None:
    for method, path in [
        ("GET", "/api/jobs"),
        ("GET", "/api/jobs/1"),
        ("DELETE", "/api/jobs/1"),
        ("POST", "/api/network/train/1"),
        ("GET", "/ready"),
        ("GET", "/api/doctor"),
    ]:
        with subtests.test(method=method, path=path):
            http = create_app(WaitingJobClient(REASON), version="0").test_client()
            assert error_of(http.open(path, method=method), 503) == REASON
            key = {"Idempotency-Key": "k"}
            assert error_of(http.open(path, method=method, headers=key), 503) == REASON


def test_a_gateway_that_waits_serves_what_needs_no_job_manager() -> None:
    http = create_app(WaitingJobClient(REASON), version="0").test_client()
    assert json_of(http.get("/health")) == {"status": "ok"}
    assert error_of(http.get("/api/nothing"), 404)


def test_an_application_takes_the_place_of_another() -> None:
    switched = SwitchedApp()
    for answer in (b"first", b"second"):
        switched.app = lambda environ, start_response, answer=answer: [answer]
        assert switched({}, None) == [answer]


REPEATABLE = [operation for operation in OPERATIONS if operation.may_repeat]
WRITES = [operation for operation in OPERATIONS if not operation.may_repeat]
NOT_TWICE = {
    "create_job",
    "delete_job",
    "initialize",
    "register_device",
    "resume_job",
    "train",
    "unregister_device",
}
RESTARTING = "The actor ab is unavailable: The actor is temporarily unavailable: IOError: "
RESTARTING += "The actor is restarting.. The task may or may not have been executed on the actor."
CUT = RESTARTING.replace("IOError: The actor is restarting.", "RpcError: RPC error: recvmsg")
RESTARTED = RESTARTING.replace("is restarting", "was restarted")


def test_a_write_is_repeated_only_if_it_was_not_even_sent(subtests: pytest.Subtests) -> None:
    assert {operation.name for operation in WRITES} >= NOT_TWICE
    for call in [BEGIN_REQUEST, *WRITES]:
        with subtests.test(call=call):
            assert may_repeat(call, RESTARTING)
            assert not may_repeat(call, CUT)
            assert not may_repeat(call, RESTARTED)


def test_what_can_be_done_twice_is_repeated(subtests: pytest.Subtests) -> None:
    for call in REPEATABLE:
        with subtests.test(call=call):
            assert may_repeat(call, CUT) and may_repeat(call, RESTARTED)


def test_of_a_write_without_an_answer_it_is_said_how_to_look_and_not_to_try_again(
    subtests: pytest.Subtests,
) -> None:
    for call in WRITES:
        with subtests.test(call=call):
            text = unanswered("The JobManager did not answer", call, has_key=False)
            assert "not known" in text and "GET /api/" in text
            assert "try again" not in text.lower()


def test_a_write_with_a_key_may_be_sent_again(subtests: pytest.Subtests) -> None:
    for call in WRITES:
        with subtests.test(call=call):
            text = unanswered("The JobManager did not answer", call, has_key=True)
            assert "not known" in text and "same Idempotency-Key" in text


def test_what_can_be_done_twice_may_be_tried_again(subtests: pytest.Subtests) -> None:
    for call in REPEATABLE:
        with subtests.test(call=call):
            assert unanswered("The JobManager did not answer", call, False).endswith("Try again")
