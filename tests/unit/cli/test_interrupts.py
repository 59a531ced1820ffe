"""Signals that ask a command to end, and when they take effect."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from http_gateway.process import interrupts
from http_gateway.process.interrupts import (
    SAME_PRESS_S,
    SIGNALS,
    exit_code,
    heeded,
    held,
    interruptible,
    is_ending,
    pipe_closed,
)


@pytest.fixture(autouse=True)
def command() -> Iterator[None]:
    with heeded():
        yield


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def interrupted(number: int) -> bool:
    """Whether it interrupts what is interruptible."""
    try:
        with interruptible():
            send(number)
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.parametrize("number", sorted(SIGNALS))
def test_each_interrupts_and_tells_its_exit_code(number: int) -> None:
    assert interrupted(number)
    assert is_ending() and exit_code() == 128 + number


class InterruptedWhereItIsNamed:
    def __set_name__(self, owner: type, name: str) -> None:
        send(signal.SIGHUP)


def test_an_interruption_that_became_another_error_is_still_one() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        type("Imported", (), {"field": InterruptedWhereItIsNamed()})
    assert exit_code() == 128 + signal.SIGHUP


def test_an_error_of_the_end_itself_is_told() -> None:
    def end_badly() -> None:
        try:
            send(signal.SIGINT)
        finally:
            raise OSError("the end failed")

    with pytest.raises(OSError, match="the end failed"), interruptible():
        end_badly()


@pytest.mark.parametrize("number", sorted(SIGNALS))
def test_what_comes_while_it_is_held_interrupts_later(number: int) -> None:
    with held():
        send(number)
        assert is_ending()
    with pytest.raises(KeyboardInterrupt), interruptible():
        raise AssertionError("it was begun all the same")


@pytest.mark.parametrize("number", sorted(SIGNALS))
def test_of_the_later_ones_only_another_ctrl_c_interrupts(number: int) -> None:
    assert interrupted(signal.SIGTERM)
    time.sleep(2 * SAME_PRESS_S)
    assert interrupted(number) == (number == signal.SIGINT)
    assert exit_code() == 128 + signal.SIGTERM


def test_a_ctrl_c_that_comes_twice_at_once_is_one() -> None:
    assert interrupted(signal.SIGINT)
    assert not interrupted(signal.SIGINT)


def test_once_interrupted_the_end_is_held_until_it_says_otherwise() -> None:
    with held():
        assert interrupted(signal.SIGINT)
        time.sleep(2 * SAME_PRESS_S)
        send(signal.SIGINT)  # raises nothing here
        with pytest.raises(KeyboardInterrupt), interruptible():
            raise AssertionError("the second one is to be heeded")


def test_a_closed_pipe_interrupts_what_shows_and_no_service() -> None:
    with held(), interruptible(SIGNALS):
        pipe_closed()
    assert not is_ending()
    with pytest.raises(KeyboardInterrupt), interruptible():
        pass
    assert exit_code() == 128 + signal.SIGPIPE


def test_a_service_whose_pipe_is_closed_is_ended_by_a_signal_as_ever() -> None:
    with pytest.raises(KeyboardInterrupt), held(), interruptible(SIGNALS):
        pipe_closed()
        send(signal.SIGTERM)
    assert exit_code() == 128 + signal.SIGTERM


def test_a_thread_notes_and_the_command_is_interrupted() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        thread = threading.Thread(target=pipe_closed)
        thread.start()
        thread.join(5)
        with interruptible():
            raise AssertionError("what a thread has noted is to be heeded")


def test_a_hangup_that_is_ignored_from_the_start_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with heeded():
            assert not interrupted(signal.SIGHUP)
            assert interrupted(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_was_blocked_before_the_command_began_is_heeded() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # no other takes it
    with heeded(), pytest.raises(KeyboardInterrupt), interruptible():
        raise AssertionError("it came before")


def test_handlers_are_as_before_afterwards() -> None:
    outside = signal.getsignal(signal.SIGTERM)
    with heeded():
        pass
    assert signal.getsignal(signal.SIGTERM) is outside
    assert interrupts.heeded is heeded
