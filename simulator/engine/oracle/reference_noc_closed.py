"""The network in closed form, in plain Python: models ``estimate`` and ``ideal`` (DESIGN rule 7).

Both give every packet its time alone in the network. The head takes 2 cycles to the first router. At every router it
takes the cycles of a hop of the router's family and the extra cycles of the link. The tail follows one interval later
for each flit after the first, or when it is there, and takes three cycles and those of the link.

In both the last delivery is bounded by the busiest port too, which cannot begin before its first flit can be there, and
sends one flit after another.

``ideal`` adds nothing to it: no packet waits. It is a lower bound of the time of each packet.

``estimate`` adds the mean waiting of its ports (model B of FIDELITY in the BookSim2 reference data and two terms more).
All loads are averages over the cycles in which packets join, so it describes steady traffic, and bursts badly. With S
the cycles a packet keeps a port busy, rho_i the share of time that input i keeps it busy, rho the sum of these:

- an output: S (rho^2 - sum rho_i^2) / (2 rho (1 - rho)), for packets of one input come one after another already. In an
  R router an input is busy s + 2 cycles with a packet. An output is busy s + 1, or s + 2 where the next packet comes
  from the same input. So the 1 - rho of its terms has S = s + 1 + sum f_i^2, with f_i the share of input i in the
  packets. Packets wait for one another by the s + 2 of their inputs;
- an output slower than the one before it (a link between chips): packets of one input wait for one another too. This
  adds lambda_i (S (S - 1) - T (T - 1)) / (2 (1 - rho)), with lambda_i packets a cycle and T the busy cycles before;
- the queue of a source and the FIFO behind it: rho (S - 1) / (2 (1 - rho)), packets joining at most one in a cycle;
- a FIFO: a packet waits while the head is a packet for another output and waits for that. Outputs serve their inputs in
  turn, so a head waits for one packet at most of each other input. The wait is h_i = (1 + u_i) / 2 sum u_j S_j over the
  other inputs j. Here u = lambda (S + h) is the share of time in which a head asks for the output; eight sweeps from
  h = 0 find it. A single packet meets half of a service on average, one behind a queue a whole one, hence
  (1 + u_i) / 2. A wait of h is mostly none or a whole service, so its mean square is h max(S, h). A FIFO adds
  sum lambda h (S + max(S, h)) over the other outputs, divided by 1 - sum lambda (S + h) over all.

Above a load of 0.95 all terms stay as they are there. A run with a port above 0.9 is refused
(`simulator.engine.engine`), output rho or input sum lambda (S + h): queues grow all the time there, which no mean of
steady traffic describes. So is one with a FIFO that holds more than 0.9 of its flits on average: a full FIFO stops the
router before it, which no term has. By Little's law it holds the rate of its flits times how long they stay.

Times are kept in ticks of 1/1024 cycle; sums run in the order of the packets, then along each path.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from simulator.engine.oracle.reference_noc import PORTS, OfLink
from simulator.engine.oracle.reference_topology import LOCAL, Port, ReferenceTopology, Routers

TICKS = 1024  # per cycle
HOP_CYCLES = {"P": 3, "N": 4, "R": 5, "V": 4}
CREDIT_LOOP_CYCLES = {"P": 6, "N": 7, "R": 8, "V": 7}
# Cycles per packet beyond its flits, README of the reference data: of an output, of an input where it is R.
BUSY_BEYOND_FLITS = {"P": 0, "N": 1, "R": 2, "V": 0}
CHANNELS = {"P": 1, "N": 1, "R": 1, "V": 4}
HEAD_SWEEPS = 8
MOST_BUSY = 0.95  # beyond it the formulas of steady traffic lose their meaning

Pair = tuple[int, int, int]  # router, output, input


@dataclass
class ReferenceClosed:
    """Packets in closed form; the fields are those of `ReferenceMesh`, ``wait`` is in ticks.

    Attributes
    ----------
    last
        Out: tick of the last delivery.
    """

    mesh_x: int
    mesh_y: int
    buffer_flits: int
    family: str = "P"
    extra: OfLink = lambda router, output: 0
    interval: OfLink = lambda router, output: 1
    model: Literal["estimate", "ideal"] = "estimate"
    torus: bool = False
    flits: Counter[Port] = field(default_factory=Counter)
    wait: Counter[Port] = field(default_factory=Counter)
    last: int = -TICKS

    def __post_init__(self) -> None:
        self.topology = ReferenceTopology(self.mesh_x, self.mesh_y, self.torus)

    def carry(
        self, cycle: Sequence[int], src: Sequence[int], dst: Sequence[int | Routers], n_flits: Sequence[int]
    ) -> dict[tuple[int, int], int]:
        """Tick of delivery of each packet at each of its routers, by (packet, router); ``cycle`` must ascend."""
        self.packets: Counter[Pair] = Counter()
        self.moved: Counter[Pair] = Counter()
        self.work: dict[Pair, float] = {}
        self.first_grant: dict[Port, int] = {}
        self.from_source: Counter[int] = Counter()
        self.joins_first: dict[int, int] = {}
        self.packets_of_source: Counter[int] = Counter()
        for at, source, to, size in zip(cycle, src, dst, n_flits, strict=True):
            self.from_source[source] += size
            self.packets_of_source[source] += 1
            self.joins_first.setdefault(source, at)
            self.load(source, LOCAL, as_set(to), at + 2, size)
        self.window = cycle[-1] - cycle[0] + 1 if cycle else 1
        if self.model == "estimate":
            self.find_heads()
        delivered: dict[tuple[int, int], int] = {}
        for number, (at, source, to, size) in enumerate(zip(cycle, src, dst, n_flits, strict=True)):
            waiting = self.source_waiting(source)
            for router, ticks in self.arrivals(source, LOCAL, as_set(to), (at + 2, waiting, at + 1 + size), size):
                delivered[number, router] = ticks
        self.last = max(*delivered.values(), self.busiest_port()) if delivered else -TICKS
        return delivered

    def load(self, router: int, input_: int, dst: Routers, at: int, size: int) -> None:
        """Add a packet, which without waiting is at ``router`` in cycle ``at``, to the load of all its ports."""
        for output, routers in self.topology.ways(router, dst).items():
            pair, port = (router, output, input_), (router, output)
            self.flits[port] += size
            self.packets[pair] += 1
            self.moved[pair] += size
            self.work[pair] = self.work.get(pair, 0.0) + self.busy(port, size)
            grant = at + HOP_CYCLES[self.family] - 3
            self.first_grant[port] = min(self.first_grant.get(port, grant), grant)
            if output != LOCAL:
                self.load(*self.topology.other_end(port), routers, at + self.hop(port), size)

    def arrivals(
        self, router: int, input_: int, dst: Routers, so_far: tuple[int, float, int], size: int
    ) -> list[tuple[int, int]]:
        """(router, tick of delivery) at every end of the paths from here on.

        ``so_far`` are the cycle in which the head is here without waiting, the waiting, and the cycle of the tail.
        """
        head, waiting, tail = so_far
        found = []
        for output, routers in self.topology.ways(router, dst).items():
            port = (router, output)
            waits = waiting
            if self.model == "estimate":
                at_port = self.at_port[port] + self.fifo_waiting((router, output, input_))
                self.wait[port] += math.floor(at_port * TICKS + 0.5)
                waits = waiting + at_port
            granted = head + HOP_CYCLES[self.family] - 3
            link = 3 + self.extra(*port)
            tail_ahead = max(tail, granted + (size - 1) * self.interval(*port)) + link
            if output == LOCAL:
                found.append((router, tail_ahead * TICKS + math.floor(waits * TICKS + 0.5)))
            else:
                ahead = (granted + link, waits, tail_ahead)
                found += self.arrivals(*self.topology.other_end(port), routers, ahead, size)
        return found

    def busiest_port(self) -> int:
        """Tick before which the last delivery cannot be, for the sake of the busiest port."""
        ends = [
            first + size - 1 + 2 + 3
            for first, size in ((self.joins_first[source], size) for source, size in self.from_source.items())
        ]
        for port, first in self.first_grant.items():
            pairs = [(*port, input_) for input_ in range(PORTS)]
            flits, packets = sum(self.moved[p] for p in pairs), sum(self.packets[p] for p in pairs)
            pauses = packets - 1 if self.family in "NR" else 0
            behind = 0 if port[1] == LOCAL else 3
            last_grant = first + max((flits - 1) * self.interval(*port), flits - 1 + pauses)
            ends.append(last_grant + 3 + self.extra(*port) + behind)
        return max(ends) * TICKS

    def busy(self, port: Port, size: float) -> float:
        """Cycles in which a packet keeps an output: its flits and a cycle to choose it, or the rate of the credits."""
        loop = CREDIT_LOOP_CYCLES[self.family] + 2 * self.extra(*port)
        at_rate = size * loop / (self.buffer_flits * CHANNELS[self.family])
        return max(float(size * self.interval(*port)), float(size + BUSY_BEYOND_FLITS[self.family]), at_rate)

    def port_waiting(self, port: Port) -> float:
        """Mean waiting for an output while it serves other inputs."""
        work = [self.work.get((*port, input_), 0.0) for input_ in range(PORTS)]
        packets = [self.packets[(*port, input_)] for input_ in range(PORTS)]
        all_work, all_packets = sum_of(work), sum(packets)
        service = all_work / all_packets
        rho = all_work / self.window
        busy = rho - self.spared(port) / self.window
        scale = MOST_BUSY / busy if busy > MOST_BUSY else 1.0
        rho_i = [w / self.window * scale for w in work]
        rho, busy = rho * scale, busy * scale
        waiting = service * (rho * rho - sum_of([r * r for r in rho_i])) / (2.0 * rho * (1.0 - busy))
        for input_ in range(PORTS):
            if input_ != LOCAL and packets[input_]:
                share, rate = packets[input_] / all_packets, packets[input_] / self.window * scale
                waiting += share * rate * self.slower((*port, input_)) / (2.0 * (1.0 - busy))
        return waiting

    def slower(self, pair: Pair) -> float:
        """S (S - 1) of an output less that of the one before its input, S the cycles of a mean packet of the pair."""
        router, output, input_ = pair
        size = self.moved[pair] / self.packets[pair]
        here = self.busy((router, output), size)
        before = self.busy(self.topology.other_end((router, input_)), size)
        return max(0.0, here * (here - 1.0) - before * (before - 1.0))

    def spared(self, port: Port) -> float:
        """Cycles in which an output of an R router is free again before its input would be: 1 - sum f_i^2 a packet."""
        if self.family != "R":
            return 0.0
        packets = [self.packets[(*port, input_)] for input_ in range(PORTS)]
        return sum(packets) - sum_of([float(n) * n for n in packets]) / sum(packets)

    def find_heads(self) -> None:
        """Waiting of each output, and of the head of each FIFO for each output."""
        self.at_port = {port: self.port_waiting(port) for port in self.flits}
        self.head = dict.fromkeys(self.work, 0.0)
        for port, waiting in self.at_port.items():
            pairs = [(*port, input_) for input_ in range(PORTS) if self.packets[*port, input_]]
            for _ in range(HEAD_SWEEPS):
                for pair in pairs:
                    others = sum_of([self.asking(p) * self.work[p] / self.packets[p] for p in pairs if p != pair])
                    self.head[pair] = others * 0.5 * (1.0 + self.asking(pair))
            for pair in pairs:
                self.head[pair] = min(self.head[pair], waiting)

    def asking(self, pair: Pair) -> float:
        """Share of time in which the head of a FIFO is a packet for this output."""
        return min(1.0, (self.work[pair] + self.packets[pair] * self.head[pair]) / self.window)

    def fifo_waiting(self, pair: Pair) -> float:
        """Mean waiting in a FIFO for heads that want another output."""
        router, output, input_ = pair
        behind = busy = 0.0
        for other in range(PORTS):
            beside = (router, other, input_)
            if n := self.packets[beside]:
                head, service = self.head[beside], self.work[beside] / n
                busy += (self.work[beside] + n * head) / self.window
                if other != output:
                    behind += n / self.window * head * (service + max(service, head))
        return behind / max(1.0 - MOST_BUSY, 1.0 - busy)

    def source_waiting(self, source: int) -> float:
        """Mean waiting in the queue of a source and the FIFO behind it."""
        if self.model == "ideal":
            return 0.0
        work = sum_of([self.work.get((source, output, LOCAL), 0.0) for output in range(PORTS)])
        service = work / self.packets_of_source[source]
        rho = min(work / self.window, MOST_BUSY)
        return rho * (service - 1.0) / (2.0 * (1.0 - rho)) + max(0.0, work - self.window) / 2.0

    def hop(self, port: Port) -> int:
        """Cycles of a flit alone from one router to the next, or to the core."""
        return HOP_CYCLES[self.family] + self.extra(*port)


def as_set(dst: int | Routers) -> Routers:
    """Destinations of a packet."""
    return dst if isinstance(dst, frozenset) else frozenset((dst,))


def sum_of(numbers: list[float]) -> float:
    """Sum in order (the built-in one compensates rounding)."""
    total = 0.0
    for number in numbers:
        total += number
    return total
