"""Parts of a simulation in threads, in order, each with a workplace of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

Part = TypeVar("Part")
Place = TypeVar("Place")
Found = TypeVar("Found")


def in_threads(
    parts: Sequence[Part],
    simulated: Callable[[Part, Place], Found],
    places: Sequence[Place],
    prepare: Callable[[Part], None],
) -> Iterator[tuple[Part, Found]]:
    """Every part with what was found for it, in order, one thread for each of ``places``.

    ``prepare`` is called for a part here, not in its thread. At most two parts per thread are held at a time, so memory
    does not grow with their number.
    """
    idle: SimpleQueue[Place] = SimpleQueue()
    for place in places:
        idle.put(place)

    def at_a_place(part: Part) -> Found:
        place = idle.get()
        try:
            return simulated(part, place)
        finally:
            idle.put(place)

    pending: deque[tuple[Part, Future[Found]]] = deque()
    with ThreadPoolExecutor(len(places)) as pool:
        try:
            for part in parts:
                prepare(part)
                pending.append((part, pool.submit(at_a_place, part)))
                if len(pending) >= 2 * len(places):
                    done, future = pending.popleft()
                    yield done, future.result()
            while pending:
                done, future = pending.popleft()
                yield done, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
