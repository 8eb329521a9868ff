"""The oracle's view of a chip's network: packets between blocks, the links of the chip file, the model it names."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from simulator.config.chip import ChipConfig
from simulator.engine.oracle.reference_noc import ReferenceMesh, ReferenceNetwork
from simulator.engine.oracle.reference_noc_closed import TICKS, ReferenceClosed
from simulator.engine.oracle.reference_noc_vc import ReferenceMeshVc
from simulator.engine.oracle.reference_topology import STEP, ReferenceTopology
from simulator.mapping.placement import Block, Placement


@dataclass
class Delivery:
    """One receiver of a packet, and in the end the record of what happened there."""

    packet: Packet
    receiver: Block
    service_ps: int
    delivered_cycle: int = 0
    arrival_ps: int = 0
    taken_ps: int = 0
    start_ps: int = 0
    done_ps: int = 0


@dataclass
class Packet:
    """A packet under way to one receiver, or with multicast to several."""

    sender: Block
    rows: tuple[int, ...]  # whose spikes it carries; none: values, or the end of a timestep
    ready_ps: int
    flits: int = 1
    multicast: bool = False
    cycle: int = 0
    deliveries: list[Delivery] = field(default_factory=list)


class ReferenceCoreInputs:
    """The inputs of the cores, FIFOs of ``core.axon_in.fifo_packets`` places (None: any number), in one step.

    The packets that the network delivers to a tile are taken in that order. A core takes a packet when it is delivered,
    when all before it have been taken by all their cores, and when it has a free place; the place is free again when
    the core begins to serve the packet. A packet that several cores of the tile take leaves the port with the last of
    them.

    Attributes
    ----------
    stall_ps
        For each core, the time that packets at the head of a local port waited for a place in its FIFO.
    """

    def __init__(self, chip: ChipConfig) -> None:
        self.places = chip.core.axon_in.fifo_packets
        self.started: defaultdict[int, list[int]] = defaultdict(list)  # per core, in order
        self.free: Counter[int] = Counter()  # per core: when it has served all it has taken
        self.port: Counter[int] = Counter()  # per router: when the last packet was taken
        self.stall_ps: Counter[int] = Counter()

    def take(self, router: int, deliveries: list[Delivery], at_ps: int) -> int:
        """The cores of a tile take a packet delivered at ``at_ps``; returns when the last of them has."""
        at_head = max(at_ps, self.port[router])
        for delivery in deliveries:
            core = delivery.receiver.core
            started, before = self.started[core], self.places
            full = before is not None and len(started) >= before
            delivery.taken_ps = max(at_head, started[-before]) if full and before is not None else at_head
            self.stall_ps[core] += delivery.taken_ps - at_head
            started.append(max(delivery.taken_ps, self.free[core]))
            self.free[core] = started[-1] + delivery.service_ps
            self.port[router] = max(self.port[router], delivery.taken_ps)
        return self.port[router]


class ReferenceChipNetwork:
    """The network of a placement on a chip; every call starts with an idle one."""

    def __init__(self, placement: Placement, chip: ChipConfig) -> None:
        self.chip, self.placement = chip, placement
        self.torus = chip.noc.topology == "torus"
        self.topology = ReferenceTopology(placement.mesh_x, placement.mesh_y, self.torus)
        self.stall_ps: Counter[int] = Counter()

    def deliver(self, packets: list[Packet]) -> int:
        """Carry packets, in the order of their cycles, and write when and where each is delivered.

        Returns the time in ps before which the network is not done.
        """
        inputs = ReferenceCoreInputs(self.chip)
        network = self.network(packets, inputs)
        delivered = network.carry(
            [p.cycle for p in packets],
            [self.router(p.sender) for p in packets],
            [self.destination(p) for p in packets],
            [p.flits for p in packets],
        )
        closed = isinstance(network, ReferenceClosed)
        ticks, cycle_ps = TICKS if closed else 1, self.chip.noc.cycle.value
        for number, p in enumerate(packets):
            for delivery in p.deliveries:
                at = delivered[number, self.router(delivery.receiver)]
                delivery.delivered_cycle = at // ticks
                delivery.arrival_ps = at * cycle_ps // ticks
                delivery.taken_ps = max(delivery.arrival_ps, delivery.taken_ps)
        self.stall_ps += inputs.stall_ps
        last = network.last if isinstance(network, ReferenceClosed) else max(delivered.values(), default=0)
        return max(0, last * cycle_ps // ticks)

    def network(self, packets: list[Packet], inputs: ReferenceCoreInputs) -> ReferenceNetwork | ReferenceClosed:
        """An idle network of the model, the routers and the links of the chip file."""
        cycle_ps = self.chip.noc.cycle.value

        def taken_by(packet: int, router: int, cycle: int) -> int:
            here = [d for d in packets[packet].deliveries if self.router(d.receiver) == router]
            return math.ceil(inputs.take(router, here, cycle * cycle_ps) / cycle_ps)

        noc = self.chip.noc
        mesh = (self.placement.mesh_x, self.placement.mesh_y, noc.buffer_flits)
        links = (self.extra_cycles, self.interval)
        if noc.model != "cycle":
            return ReferenceClosed(*mesh, noc.router, *links, noc.model, self.torus)
        if noc.router == "V":
            return ReferenceMeshVc(*mesh, *links)
        return ReferenceMesh(*mesh, noc.router, *links, taken_by, self.torus)

    def router(self, block: Block) -> int:
        """Router of a block's core."""
        return int(self.placement.core_router[block.core])

    def routers(self, packet: Packet) -> frozenset[int]:
        """Routers whose tiles hold receivers; the packet enters each once, however many cores there take it."""
        return frozenset(self.router(delivery.receiver) for delivery in packet.deliveries)

    def destination(self, packet: Packet) -> int | frozenset[int]:
        """What the network gets: a set of routers of a spike on a chip with multicast, else one router."""
        routers = self.routers(packet)
        return routers if packet.multicast else next(iter(routers))

    def links(self, packet: Packet) -> set[tuple[int, int]]:
        """Every link on the paths to the receivers, each once, as (router, direction)."""
        links = set()
        for there in self.routers(packet):
            here = self.router(packet.sender)
            while here != there:
                direction = self.topology.route(here, there)
                links.add((here, direction))
                here = self.topology.other_end((here, direction))[0]
        return links

    def kind(self, router: int, direction: int) -> str:
        """What crossing a link is called."""
        return "chip_hop" if self.leaves_chip(router, direction) else ("hop_x" if direction < 2 else "hop_y")

    def leaves_chip(self, router: int, direction: int) -> bool:
        """Whether the link in this direction ends on another chip."""
        x, y = router % self.placement.mesh_x, router // self.placement.mesh_x
        to_x, to_y = x + STEP[direction][0], y + STEP[direction][1]
        if self.torus:
            to_x, to_y = to_x % self.placement.mesh_x, to_y % self.placement.mesh_y
        tiles_x, tiles_y = self.chip.chip.tiles_x, self.chip.chip.tiles_y
        return (x // tiles_x, y // tiles_y) != (to_x // tiles_x, to_y // tiles_y)

    def extra_cycles(self, router: int, output: int) -> int:
        """Cycles a link takes beyond the router's own; output 4 leads to the cores."""
        if output == 4:
            return 0
        noc = self.chip.noc
        extra = noc.extra_cycles_x if output < 2 else noc.extra_cycles_y
        leaves = noc.chip_link is not None and self.leaves_chip(router, output)
        return extra + (noc.chip_link.extra_cycles if noc.chip_link is not None and leaves else 0)

    def interval(self, router: int, output: int) -> int:
        """Cycles from one flit of an output to the next."""
        link = self.chip.noc.chip_link
        return link.cycles_per_flit if link is not None and output < 4 and self.leaves_chip(router, output) else 1


def value_packets(values: list[tuple[Block, Block]], places: int) -> Iterator[tuple[tuple[Block, Block], int]]:
    """(sender and receiver, values in it) of each packet; ``values`` are from a sender to a receiver each."""
    for pair, run in groupby(values):
        left = len(list(run))
        while left > 0:
            yield pair, min(left, places)
            left -= places
