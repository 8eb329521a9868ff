"""Processes that end when the one that started them is gone, however it ended."""

from __future__ import annotations

import os
import time
from functools import cache
from threading import Thread

LOOK_S = 1.0


@cache
def end_with(parent: int) -> None:
    """End this process soon after ``parent``, the process that started it, has ended; looks in a thread of its own.

    A killed process tells nobody, and its workers would wait for work until they time out.
    """
    Thread(target=_wait_for_end, args=(parent,), daemon=True).start()


def _wait_for_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)
