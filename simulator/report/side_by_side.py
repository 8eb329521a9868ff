"""Work that is done by this process and a copy of it side by side, where the system can copy processes."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TypeVar

from simulator.engine.engine import available_threads
from simulator.orphans import end_with

Own = TypeVar("Own")
Found = TypeVar("Found")


def side_by_side(here: Callable[[], Own], work: Sequence[Callable[[], Found]]) -> tuple[Own, list[Found]]:
    """What ``here`` returns, which this process does first, and what each piece of ``work`` returns, in order.

    Whoever is idle takes the next piece, of at most 256. What the copy finds must be of a kind that `pickle` takes.
    What it could not do is done here, so an error of a piece is raised as if there were no copy.

    With one core, several threads (whose locks a copy would hold for ever) or no Linux there is no copy.
    """
    if not work or not _may_copy():
        return here(), [do() for do in work]
    queue, filled = os.pipe()  # numbers of the pieces, a byte each; what one process has read, the other never sees
    os.write(filled, bytes(range(len(work))))
    os.close(filled)
    context = get_context("fork")
    found_there, sent = context.Pipe(duplex=False)
    copy = context.Process(target=_in_copy, args=(work, queue, sent, os.getpid()), daemon=True)
    copy.start()
    sent.close()
    try:
        own, found = here(), dict(_taken(work, queue))
        with suppress(EOFError, OSError):
            found |= found_there.recv()
    finally:
        os.close(queue)
        found_there.close()
        copy.kill()  # it has nothing to tidy up, and could miss a softer signal while it starts
        copy.join()
    return own, [found[i] if i in found else do() for i, do in enumerate(work)]


def _may_copy() -> bool:
    return sys.platform == "linux" and _alone() and available_threads() > 1


def _alone() -> bool:
    """No thread of Python's own, and no PyTorch, whose pools a copy would wait for."""
    return threading.active_count() == 1 and "torch" not in sys.modules


def _taken(work: Sequence[Callable[[], Found]], queue: int) -> Iterator[tuple[int, Found]]:
    """Pieces of the queue and what they return, until it is empty."""
    while number := os.read(queue, 1):
        yield number[0], work[number[0]]()


def _in_copy(work: Sequence[Callable[[], Found]], queue: int, sent: Connection, parent: int) -> None:
    """Do pieces until there are none or one fails, and send what was found, all at once: a full pipe would wait."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both, and the other one ends this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with(parent)
    gc.disable()  # it would write to, and so copy, every page
    found: dict[int, Found] = {}
    with suppress(Exception):
        found.update(_taken(work, queue))
    with suppress(OSError):
        sent.send(found)
