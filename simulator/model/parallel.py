"""Rows in blocks, several at once: each thread runs NumPy, BLAS and kernels on a block of its own.

How rows are cut does not depend on the number of threads, and BLAS itself has one thread. So results are the same bytes
on any number of cores (DESIGN rule 6). This holds in float32 too, where the sums of a BLAS with more threads differ in
the last bits. A block also stays in the cache of its core from one operation to the next.
"""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
# Rows of a block, where there are enough of them: as many as a matrix product needs to run at full speed.
ROWS = 256
LEAST_ROWS = 128


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def n_threads() -> int:
    """Cores that this process may use, but no more than BLAS was allowed (``OPENBLAS_NUM_THREADS`` and the like)."""
    allowed = [int(library["num_threads"]) for library in _controller().info() if library["user_api"] == "blas"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([cores, *allowed])


@cache
def _pool(n: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n, thread_name_prefix="spikewatt")


def one_blas_thread() -> AbstractContextManager[object]:
    """While it is open, BLAS works in the thread that calls it."""
    n_threads()  # read before it changes
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited


def at_once(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Call ``work`` for every item, in any order; raises what the first of them raised."""
    items = list(items)
    if n_threads() == 1 or len(items) == 1:
        for item in items:
            work(item)
        return
    pool = _pool(n_threads())
    started = [pool.submit(contextvars.copy_context().run, work, item) for item in items]
    for future in started:
        future.result()


def blocks(n: int) -> list[slice]:
    """Rows 0 to n in blocks of `ROWS`; of few rows in smaller blocks, but not below `LEAST_ROWS`."""
    size = min(ROWS, max(LEAST_ROWS, -(-n // 4)))
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def shares(n: int) -> list[slice]:
    """Rows 0 to n, a block for each thread or more: only for work that gives the same bytes however rows are cut."""
    size = min(2 * ROWS, max(LEAST_ROWS, -(-n // n_threads())))
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
