"""The mesh network with virtual channels in plain Python, cycle by cycle: the meaning of its kernel (DESIGN rule 7).

Family V of docs/network_timing.md. It differs from `reference_noc` in what a router decides in a cycle; flits and
credits travel alike.
A channel is (router, port, vc): as an input a FIFO, as an output the right to the FIFO at the other end of the link.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.engine.oracle.reference_noc import PORTS, Flit, OfLink, ReferenceNetwork
from simulator.engine.oracle.reference_topology import LOCAL, Port, ReferenceTopology

Channel = tuple[int, int, int]

VCS = 4


@dataclass(frozen=True)
class Send:
    """The head of FIFO ``(router, input_, vc)`` leaves through ``output``."""

    router: int
    input_: int
    vc: int
    output: int


@dataclass
class ReferenceMeshVc(ReferenceNetwork):
    """State of the network in one cycle; parameters and ``flits``, ``wait``, ``peak`` as in `ReferenceMesh`."""

    mesh_x: int
    mesh_y: int
    buffer_flits: int
    extra: OfLink = lambda router, output: 0
    interval: OfLink = lambda router, output: 1
    flits: Counter[Port] = field(default_factory=Counter)
    wait: Counter[Port] = field(default_factory=Counter)
    peak: Counter[Port] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.topology = ReferenceTopology(self.mesh_x, self.mesh_y)
        self.routers = range(self.mesh_x * self.mesh_y)
        ports = [(r, p) for r in self.routers for p in range(PORTS)]
        channels = [(r, p, v) for r, p in ports for v in range(VCS)]
        self.fifo: dict[Channel, deque[Flit]] = {c: deque() for c in channels}
        self.asks_from: dict[Channel, int] = {}  # per input channel: cycle from which its head is visible
        self.holds: dict[Channel, Channel] = {}  # input channel -> output channel its packet owns
        self.owned: set[Channel] = set()  # output channels that have an owner
        self.credits = dict.fromkeys(channels, self.buffer_flits)  # per output channel
        self.grant_pointer = dict.fromkeys(channels, 0)  # output channel, over input channels of the router
        self.accept_pointer = dict.fromkeys(channels, 0)  # input channel, over output channels of the router
        self.switch_grant_pointer = dict.fromkeys(ports, 0)  # output, over inputs
        self.switch_accept_pointer = dict.fromkeys(ports, 0)  # input, over outputs
        self.vc_pointer = dict.fromkeys(ports, 0)  # input, over its channels
        self.sends_from = dict.fromkeys(ports, 0)  # per output: first cycle it may send again
        self.source = {r: deque() for r in self.routers}
        self.source_vc = dict.fromkeys(self.routers, VCS - 1)  # channel used last
        self.source_credits = {(r, v): self.buffer_flits for r in self.routers for v in range(VCS)}
        self.flits_due: dict[int, list[tuple[Channel, Flit]]] = defaultdict(list)
        self.credits_due: dict[int, list[Channel]] = defaultdict(list)
        self.source_credits_due: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.delivered = {}

    def routers_act(self, t: int) -> None:
        """Both allocators of every router decide on the state at the start of the cycle."""
        for router in self.routers:
            channels, sends = self.allocate_channels(router), self.allocate_switch(t, router)
            for input_, output in channels:
                self.acquire(input_, output)
            for send in sends:
                self.send(t, send)

    def take_due(self, t: int) -> None:
        """Credits and flits due at ``t`` take effect."""
        for output in self.credits_due.pop(t, []):
            self.credits[output] += 1
        for source in self.source_credits_due.pop(t, []):
            self.source_credits[source] += 1
        for input_, flit in self.flits_due.pop(t, []):
            self.fifo[input_].append(flit)
            if input_[1] != LOCAL:
                link = self.other_end(input_)[:2]
                held = sum(len(self.fifo[(*input_[:2], vc)]) for vc in range(VCS))
                self.peak[link] = max(self.peak[link], held)
            if len(self.fifo[input_]) == 1:
                self.asks_from[input_] = t

    def sources_send(self, t: int) -> None:
        """Each source sends one flit; a new packet takes the first channel with a credit after the one used last."""
        for router, queue in self.source.items():
            if not queue:
                continue
            last = self.source_vc[router]
            choice = [(last + k) % VCS for k in range(1, VCS + 1)] if queue[0].head else [last]
            vc = next((v for v in choice if self.source_credits[router, v] > 0), None)
            if vc is not None:
                self.source_vc[router] = vc
                self.source_credits[router, vc] -= 1
                self.flits_due[t + 2].append(((router, LOCAL, vc), queue.popleft()))

    def allocate_channels(self, router: int) -> list[tuple[Channel, Channel]]:
        """One iteration of iSLIP: channels without owner grant to the heads of packets, which accept one each."""
        granted: dict[Channel, list[Channel]] = defaultdict(list)
        for port in range(PORTS):
            asking = [c for c in self.inputs(router) if c not in self.holds and self.wants(c) == port]
            for vc in range(VCS):
                output = (router, port, vc)
                if asking and output not in self.owned:
                    granted[first_from(self.grant_pointer[output], asking)].append(output)
        return [(c, first_from(self.accept_pointer[c], outputs)) for c, outputs in granted.items()]

    def allocate_switch(self, t: int, router: int) -> list[Send]:
        """One iteration of iSLIP: outputs grant to inputs with a flit that can go, each input accepts one output."""
        ready: dict[tuple[int, int], list[int]] = defaultdict(list)  # (input, output): channels that could send
        for c in self.inputs(router):
            if c in self.holds and self.credits[self.holds[c]] > 0 and self.sends_from[self.holds[c][:2]] <= t:
                ready[c[1], self.holds[c][1]].append(c[2])
        granted: dict[int, list[int]] = defaultdict(list)
        for output in sorted({o for _, o in ready}):
            asking = [i for i, o in ready if o == output]
            granted[nearest(self.switch_grant_pointer[router, output], asking, PORTS)].append(output)
        sends = []
        for input_, outputs in granted.items():
            output = nearest(self.switch_accept_pointer[router, input_], outputs, PORTS)
            vc = nearest(self.vc_pointer[router, input_], ready[input_, output], VCS)
            sends.append(Send(router, input_, vc, output))
        return sends

    def acquire(self, input_: Channel, output: Channel) -> None:
        """The packet at the head of ``input_`` owns ``output`` from the next cycle on; both pointers move past it."""
        self.holds[input_] = output
        self.owned.add(output)
        self.grant_pointer[output] = (index(input_) + 1) % (PORTS * VCS)
        self.accept_pointer[input_] = (index(output) + 1) % (PORTS * VCS)

    def send(self, t: int, send: Send) -> None:
        """A flit leaves: pointers, credit, the path of the flit and of the credit for its place."""
        input_, port = (send.router, send.input_, send.vc), (send.router, send.output)
        self.switch_grant_pointer[port] = (send.input_ + 1) % PORTS
        self.switch_accept_pointer[input_[:2]] = (send.output + 1) % PORTS
        self.vc_pointer[input_[:2]] = (send.vc + 1) % VCS
        output = self.holds[input_]
        flit = self.fifo[input_].popleft()
        self.flits[port] += 1
        self.wait[port] += t - self.asks_from[input_]
        self.credits[output] -= 1
        self.sends_from[port] = t + self.interval(*port)
        if flit.tail:
            del self.holds[input_]
            self.owned.remove(output)
        if self.fifo[input_]:
            self.asks_from[input_] = t + 1
        self.forward(t, output, flit)
        self.return_credit(t, input_)

    def forward(self, t: int, output: Channel, flit: Flit) -> None:
        """The flit is visible at the next router, or delivered, three cycles later."""
        cycles = 3 + self.extra(*output[:2])
        if output[1] != LOCAL:
            self.flits_due[t + cycles].append((self.other_end(output), flit))
            return
        if flit.tail:
            self.delivered[flit.packet, output[0]] = t + cycles
        self.credits_due[t + 2 * cycles].append(output)

    def return_credit(self, t: int, input_: Channel) -> None:
        """The place is usable again by the upstream router three cycles later, by the source two."""
        if input_[1] == LOCAL:
            self.source_credits_due[t + 2].append((input_[0], input_[2]))
        else:
            upstream = self.other_end(input_)
            self.credits_due[t + 3 + self.extra(*upstream[:2])].append(upstream)

    def inputs(self, router: int) -> list[Channel]:
        """Input channels of the router that hold a flit."""
        return [(router, p, v) for p in range(PORTS) for v in range(VCS) if self.fifo[router, p, v]]

    def wants(self, input_: Channel) -> int:
        """Output that the head of this FIFO wants."""
        (to,) = self.fifo[input_][0].dst  # these routers take no multicast
        return self.topology.route(input_[0], to)

    def other_end(self, channel: Channel) -> Channel:
        """Channel of the neighbour at the other end of the link."""
        return *self.topology.other_end(channel[:2]), channel[2]


def index(channel: Channel) -> int:
    """Number of a channel inside its router."""
    return channel[1] * VCS + channel[2]


def nearest(pointer: int, numbers: Iterable[int], modulus: int) -> int:
    """The first of ``numbers`` at or after the pointer, going round."""
    return min(numbers, key=lambda n: (n - pointer) % modulus)


def first_from(pointer: int, channels: Iterable[Channel]) -> Channel:
    """The first of ``channels`` of a router at or after the pointer, going round."""
    return min(channels, key=lambda c: (index(c) - pointer) % (PORTS * VCS))
