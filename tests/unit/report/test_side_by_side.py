"""Work that a copy of the process shares gives what this process alone would find."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial

import pytest

from simulator.report import side_by_side as module
from simulator.report.side_by_side import side_by_side

HERE = os.getpid()


@pytest.fixture
def two_cores(monkeypatch):
    """A machine and a process that allow a copy, also under a test runner with threads."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    monkeypatch.setattr(module, "_may_copy", lambda: True)


def square(n, pause_s=0.0):
    time.sleep(pause_s)
    return n * n, os.getpid()


def test_everything_is_found_in_order_by_both(two_cores):
    own, found = side_by_side(partial(square, 12, 0.05), [partial(square, n, 0.002) for n in range(9)])
    assert own == (144, HERE)
    assert [value for value, _ in found] == [n * n for n in range(9)]
    assert {pid for _, pid in found} - {HERE}


def test_what_a_copy_sends_may_be_larger_than_a_pipe(two_cores):
    _, found = side_by_side(partial(square, 1, 0.05), [lambda: b"x" * 1_000_000] * 3)
    assert [len(each) for each in found] == [1_000_000] * 3


def test_an_error_in_the_copy_is_raised_here(two_cores):
    def fails():
        raise KeyError("a piece")

    with pytest.raises(KeyError, match="a piece"):
        side_by_side(partial(square, 1, 0.05), [partial(square, 2), fails])


def test_an_error_here_ends_the_copy(two_cores):
    def fails():
        raise KeyError("here")

    before = time.monotonic()
    with pytest.raises(KeyError, match="here"):
        side_by_side(fails, [partial(square, 2, 60.0)] * 2)
    assert time.monotonic() - before < 30


def test_a_copy_that_is_killed_loses_nothing(two_cores):
    def dies_in_a_copy():
        if os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"

    assert side_by_side(partial(square, 3, 0.05), [dies_in_a_copy] * 2) == ((9, HERE), ["done"] * 2)


def test_no_copy_beside_another_thread():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        _, found = side_by_side(partial(square, 1), [partial(square, n) for n in range(4)])
    finally:
        stop.set()
        thread.join()
    assert found == [(n * n, HERE) for n in range(4)]
