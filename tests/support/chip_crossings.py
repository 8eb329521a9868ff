"""Values that cross links between chips, flit by flit, for `first_principles`: no code of the engine, no compiled code.

Every router has a FIFO of eight flits behind each link and a queue without bound for what its own cores send. Flits go
along x, then along y. An output takes the heads that ask for it round robin, one in each interval, as long as the FIFO
at its other end has room. So a flit that waits for a slow link also holds up those behind it that do not need the link.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator

Place = tuple[int, int]
Output = tuple[Place, int]
PLACES, HOP_CYCLES = 8, 3
STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # of the outputs 0 to 3; 4 leads to the cores of a router
OWN, N_INPUTS = 4, 5


class Crossings:
    """One transfer from an idle network.

    Parameters
    ----------
    chip
        Tiles of a chip in x and y.
    interval, extra
        Cycles from one flit of a link between chips to the next, and those that it takes beyond a hop.
    """

    def __init__(self, chip: tuple[int, int], interval: int, extra: int) -> None:
        self._chip, self._interval, self._extra = chip, interval, extra
        self._fifos: dict[Output, deque[Place]] = defaultdict(deque)  # router and input -> where its flits go
        self._asking: dict[Output, set[int]] = defaultdict(set)
        self._served: dict[Output, int] = defaultdict(lambda: OWN)  # the input that an output took last
        self._room: dict[Output, int] = defaultdict(lambda: PLACES)
        self._free: dict[Output, int] = defaultdict(int)
        self._due: list[tuple[int, int, Callable[[int], None]]] = []
        self._last = self._n = 0

    def cycles(self, sent: Iterable[tuple[Place, Place]]) -> int:
        """Cycles until the last of these flits is at its router; (from, to) in the order in which they are sent."""
        for start, stop in sent:
            self._arrive(0, start, OWN, stop)
        while self._due:
            now, _, act = heapq.heappop(self._due)
            act(now)
        return self._last

    def _later(self, when: int, act: Callable[[int], None]) -> None:
        self._n += 1
        heapq.heappush(self._due, (when, self._n, act))

    def _arrive(self, now: int, at: Place, port: int, stop: Place) -> None:
        fifo = self._fifos[at, port]
        fifo.append(stop)
        if len(fifo) == 1:
            self._ask(now, at, port)

    def _ask(self, now: int, at: Place, port: int) -> None:
        """The head of a FIFO asks for its output."""
        output = at, _output(at, self._fifos[at, port][0])
        self._asking[output].add(port)
        self._send(now, output)

    def _send(self, now: int, output: Output) -> None:
        """An output takes a head where it may."""
        asking = self._asking[output]
        if not asking or now < self._free[output] or self._room[output] == 0:
            return
        (at, out), served = output, self._served[output]
        port = self._served[output] = min(asking, key=lambda asks: (asks - served - 1) % N_INPUTS)
        asking.remove(port)
        stop = self._fifos[at, port].popleft()
        if out == OWN:
            self._last = max(self._last, now)
        else:
            cycles, interval = self._link(output)
            there = at[0] + STEPS[out][0], at[1] + STEPS[out][1]
            self._room[output] -= 1
            self._free[output] = now + interval
            self._later(now + interval, lambda then: self._send(then, output))
            self._later(now + cycles, lambda then: self._arrive(then, there, out ^ 1, stop))
        if port != OWN:
            before = (at[0] + STEPS[port][0], at[1] + STEPS[port][1]), port ^ 1
            self._later(now + self._link(before)[0], lambda then: self._credit(then, before))
        if self._fifos[at, port]:
            self._later(now + 1, lambda then: self._ask(then, at, port))

    def _credit(self, now: int, output: Output) -> None:
        """A place at the other end is free again."""
        self._room[output] += 1
        self._send(now, output)

    def _link(self, output: Output) -> tuple[int, int]:
        """Cycles of a flit on a link, and from one flit to the next."""
        at, out = output
        axis, step = out // 2, 1 if out % 2 == 0 else -1
        leaves = (at[axis] + step) // self._chip[axis] != at[axis] // self._chip[axis]
        return (HOP_CYCLES + self._extra, self._interval) if leaves else (HOP_CYCLES, 1)


def outputs(start: Place, stop: Place) -> Iterator[Output]:
    """Outputs of routers that a flit takes from its source to the cores of the last router."""
    at = start
    while (out := _output(at, stop)) != OWN:
        yield at, out
        at = at[0] + STEPS[out][0], at[1] + STEPS[out][1]
    yield at, OWN


def _output(at: Place, stop: Place) -> int:
    """Along x first, then along y."""
    if at[0] != stop[0]:
        return 0 if stop[0] > at[0] else 1
    if at[1] != stop[1]:
        return 2 if stop[1] > at[1] else 3
    return OWN
