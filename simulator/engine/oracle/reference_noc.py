"""The mesh network in plain Python, cycle by cycle: the meaning of the compiled kernel (DESIGN rule 7).

It follows docs/network_timing.md rule by rule and is slow. Ports are (router, number): inputs 0..3 come
from the neighbour at +x, -x, +y, -y and 4 from the source; outputs 0..3 lead to these neighbours and 4 to the cores.

A multicast packet goes to a set of routers, each by its XY path; these paths form a tree. Its flit at the head of a
FIFO asks for every output that leads to one of them. Each output grants on its own, and a copy leaves through each that
grants. The flit leaves the FIFO when all have granted: its place is free then. A flit of a multicast packet holds no
output for those behind it: two such packets, each holding one output and asking for the other's, would wait for ever.
No flit waits for an output that XY routing would not let it wait for, so nothing can wait in a circle.

On a torus rows and columns are rings, and FIFOs in a ring that all wait for the next one would wait for ever. So a free
output of a ring is chosen only by packets that leave room there (bubble flow control: Carrion et al., HiPC 1997; Puente
et al., JPDC 2001). Let s be the flits of a packet. A packet that goes on in its ring needs s credits of the output, so
that it moves as a whole. A packet that enters the ring, from a source or from the other dimension, needs 2 s. A ring
thus never fills: after every entry the FIFO entered could hold one packet more.

All packets of a run must be of one size, because places left over by short ones could add up to no place for a long
one. Flits of multicast packets are packets of one flit here, each copy for itself. A copy that went ahead in the ring
leaves its flit behind for other outputs. These lead to cores or to the rings of y, whose packets need nothing but
cores. So that flit goes, and its place was only lent.

A packet is delivered when its last flit is at the local port of a router. There it may have to wait until the cores
behind it have taken it (``taken_by``); the place of its last flit is free then, and its credit takes as long as ever.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from simulator.engine.oracle.reference_topology import LOCAL, OPPOSITE, Port, ReferenceTopology, Routers, Ways

OfLink = Callable[[int, int], int]  # of (router, output)
TakenBy = Callable[[int, int, int], int]  # of (packet, router, cycle of delivery): cycle from which its place is free

PORTS = 5


@dataclass(frozen=True)
class Flit:
    """A piece of a packet: from ``head`` to ``tail`` its packet holds the outputs it takes."""

    packet: int
    dst: Routers
    head: bool
    tail: bool
    last: bool


def flits_of(packet: int, dst: int | Routers, n_flits: int) -> Iterator[Flit]:
    """The flits of a packet to one router, or of a multicast packet to a set of them, in their order."""
    alone = isinstance(dst, frozenset)
    routers = dst if isinstance(dst, frozenset) else frozenset((dst,))
    for k in range(n_flits):
        last = k == n_flits - 1
        yield Flit(packet, routers, head=alone or k == 0, tail=alone or last, last=last)


@dataclass(frozen=True)
class Grant:
    """Input ``input_`` of ``router`` may act on ``output``: send its head, or (``acquire``) become the owner first."""

    router: int
    output: int
    input_: int
    acquire: bool


class ReferenceNetwork(ABC):
    """What the oracles of the network share: cycle after cycle until every packet is delivered."""

    source: dict[int, deque[Flit]]
    size: int  # flits that stay together; on a torus all packets have as many
    delivered: dict[tuple[int, int], int]

    def run(self, cycle: Sequence[int], src: Sequence[int], dst: Sequence[int], n_flits: Sequence[int]) -> list[int]:
        """Cycle of delivery of each packet; ``cycle`` must ascend."""
        self.carry(cycle, src, dst, n_flits)
        return [self.delivered[p, dst[p]] for p in range(len(cycle))]

    def carry(
        self, cycle: Sequence[int], src: Sequence[int], dst: Sequence[int | Routers], n_flits: Sequence[int]
    ) -> Mapping[tuple[int, int], int]:
        """Cycle of delivery of each packet at each of its routers, by (packet, router); ``cycle`` must ascend."""
        n = len(cycle)
        deliveries = sum(len(to) if isinstance(to, frozenset) else 1 for to in dst)
        self.size = max((1 if isinstance(to, frozenset) else k for to, k in zip(dst, n_flits, strict=True)), default=1)
        joined = 0
        t = 0
        while len(self.delivered) < deliveries:
            self.take_due(t)
            while joined < n and cycle[joined] <= t:
                self.source[src[joined]].extend(flits_of(joined, dst[joined], n_flits[joined]))
                joined += 1
            self.sources_send(t)
            self.routers_act(t)
            t += 1
        return self.delivered

    @abstractmethod
    def take_due(self, t: int) -> None:
        """Rule 1: credits and flits due at ``t`` take effect."""

    @abstractmethod
    def sources_send(self, t: int) -> None:
        """Rule 2: sources send."""

    @abstractmethod
    def routers_act(self, t: int) -> None:
        """Rules 3 and 4: all routers decide, then flits move."""


@dataclass
class ReferenceMesh(ReferenceNetwork):
    """State of a network of one-virtual-channel routers in one cycle.

    Attributes
    ----------
    family
        ``P``, ``N`` or ``R``.
    taken_by
        When the cores behind a router have taken a packet; asked in the order of delivery at each router.
    torus
        Whether rows and columns are rings; ``buffer_flits`` must hold two packets then.
    extra, interval
        Of the link at (router, output): cycles beyond the normal three, least distance of two flits.
    flits, wait, peak
        Out: per output port, flits sent, cycles that heads have asked in vain, most flits at once in the FIFO behind.
    """

    mesh_x: int
    mesh_y: int
    buffer_flits: int
    family: str = "P"
    extra: OfLink = lambda router, output: 0
    interval: OfLink = lambda router, output: 1
    taken_by: TakenBy = lambda packet, router, cycle: cycle
    torus: bool = False
    flits: Counter[Port] = field(default_factory=Counter)
    wait: Counter[Port] = field(default_factory=Counter)
    peak: Counter[Port] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.topology = ReferenceTopology(self.mesh_x, self.mesh_y, self.torus)
        routers = range(self.mesh_x * self.mesh_y)
        ports = [(r, p) for r in routers for p in range(PORTS)]
        self.fifo: dict[Port, deque[Flit]] = {port: deque() for port in ports}
        self.asks_from: dict[Port, int] = {}  # per input: cycle from which its head asks
        self.asks_for: dict[Port, Ways] = {}  # per input: outputs that have not granted yet, and whereto they lead
        self.credits = dict.fromkeys(ports, self.buffer_flits)  # per output
        self.owner: dict[Port, int] = {}  # per output: input whose packet holds it
        self.pointer = dict.fromkeys(ports, 0)
        self.sends_from = dict.fromkeys(ports, 0)  # per output: first cycle it may send again
        self.source = {r: deque() for r in routers}
        self.source_credits = dict.fromkeys(routers, self.buffer_flits)
        self.flits_due: dict[int, list[tuple[Port, Flit]]] = defaultdict(list)
        self.credits_due: dict[int, list[Port]] = defaultdict(list)
        self.source_credits_due: dict[int, list[int]] = defaultdict(list)
        self.delivered = {}

    def routers_act(self, t: int) -> None:
        """Rule 3: every output decides on the state at the start of the cycle, then all that is granted moves."""
        for grant in list(self.grants(t)):
            self.carry_out(t, grant)

    def take_due(self, t: int) -> None:
        """Rule 1: credits and flits due at ``t`` take effect."""
        for output in self.credits_due.pop(t, []):
            self.credits[output] += 1
        for router in self.source_credits_due.pop(t, []):
            self.source_credits[router] += 1
        for input_, flit in self.flits_due.pop(t, []):
            self.fifo[input_].append(flit)
            if input_[1] != LOCAL:
                link = self.topology.other_end(input_)
                self.peak[link] = max(self.peak[link], len(self.fifo[input_]))
            if len(self.fifo[input_]) == 1:
                self.head_changed(input_, t)

    def head_changed(self, input_: Port, t: int) -> None:
        """The head of this FIFO is visible from ``t`` on; an R router needs a cycle to route the head of a packet."""
        head = self.fifo[input_][0]
        self.asks_from[input_] = t + 1 if self.family == "R" and head.head else t
        self.asks_for[input_] = self.topology.ways(input_[0], head.dst)

    def sources_send(self, t: int) -> None:
        """Rule 2: each source with a waiting flit and a credit sends one; it can be allocated at t + 2."""
        for router, queue in self.source.items():
            if queue and self.source_credits[router] > 0:
                self.source_credits[router] -= 1
                self.flits_due[t + 2].append(((router, LOCAL), queue.popleft()))

    def grants(self, t: int) -> Iterator[Grant]:
        """Rule 3: what every output decides, all with the state at the start of the cycle."""
        for output in self.credits:
            router, number = output
            asking = [
                i
                for i in range(PORTS)
                if self.fifo[router, i] and self.asks_from[router, i] <= t and number in self.asks_for[router, i]
            ]
            owner = self.owner.get(output)
            may_send = self.credits[output] > 0 and self.sends_from[output] <= t
            if owner is not None:
                if owner in asking and may_send:
                    yield Grant(router, number, owner, acquire=False)
            elif may_send or self.family != "P":
                fitting = [i for i in asking if self.leaves_room(output, i)]
                if fitting:
                    first = min(fitting, key=lambda i: (i - self.pointer[output]) % PORTS)
                    yield Grant(router, number, first, acquire=self.family != "P")

    def leaves_room(self, output: Port, input_: int) -> bool:
        """Whether a packet of this input may take a free output: on a torus only where its ring does not fill."""
        if not self.torus or output[1] == LOCAL:
            return True
        goes_on = OPPOSITE[output[1]] == input_
        return self.credits[output] >= (1 if goes_on else 2) * self.size

    def carry_out(self, t: int, grant: Grant) -> None:
        """Rule 3, what follows from a decision: pointer, owner, the flit's path and the credit's path back (rule 4)."""
        output, input_ = (grant.router, grant.output), (grant.router, grant.input_)
        if grant.acquire:
            self.owner[output] = grant.input_
            self.pointer[output] = (grant.input_ + 1) % PORTS
            return
        if self.family == "P":
            self.pointer[output] = (grant.input_ + 1) % PORTS
        copy = replace(self.fifo[input_][0], dst=self.asks_for[input_].pop(grant.output))
        self.flits[output] += 1
        self.wait[output] += t - self.asks_from[input_]
        self.owner[output] = grant.input_
        if copy.tail:
            del self.owner[output]
        self.credits[output] -= 1
        self.sends_from[output] = t + self.interval(*output)
        self.send(t, output, copy)
        if self.asks_for[input_]:
            return
        self.fifo[input_].popleft()
        self.return_credit(t, input_)
        if self.fifo[input_]:
            self.head_changed(input_, t + 1)

    def send(self, t: int, output: Port, flit: Flit) -> None:
        """Rule 4: the flit is visible at the next router, or delivered, three cycles later."""
        arrival = t + 3 + self.extra(*output)
        if output[1] != LOCAL:
            self.flits_due[arrival].append((self.topology.other_end(output), flit))
            return
        taken = arrival
        if flit.last:
            self.delivered[flit.packet, output[0]] = arrival
            taken = self.taken_by(flit.packet, output[0], arrival)
        self.credits_due[taken + 3 + self.extra(*output)].append(output)

    def return_credit(self, t: int, input_: Port) -> None:
        """Rule 4: the place is usable again by the upstream router three cycles later, by the source two."""
        if input_[1] == LOCAL:
            self.source_credits_due[t + 2].append(input_[0])
        else:
            upstream = self.topology.other_end(input_)
            self.credits_due[t + 3 + self.extra(*upstream)].append(upstream)
