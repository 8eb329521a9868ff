"""A flit of the network kernels: one int64 that holds its path.

To one router, from bit 0: output needed at the present router (3 bits), tail, head, hops left in x (13) and in y (13),
west, north, packet (30). Of a multicast packet: nothing (3), tail (the last flit), head, outputs still needed at the
present router (5), node of its tree (23), packet (30).

The nodes of trees are one table of uint32 with eight places a node: the nodes behind outputs 0..3, the outputs needed
as a mask, the range of its members (targets on the cores of the router), one unused. `trees.py` makes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.compiled import step
from simulator.engine.kernels.mesh_workspace import EJECT
from simulator.engine.kernels.network_records import Indices

TAIL, HEAD = 8, 16
SHIFT_X, SHIFT_Y = 5, 18
HOPS = (1 << 13) - 1
SHIFT_WEST, SHIFT_NORTH = 31, 32
SHIFT_PACKET = 33
SHIFT_WANTS = 5
WANTS = 0b11111
SHIFT_NODE = 10
NODES_MAX = 1 << 23
SHIFT_NODE_PLACES = 3
NODE_WANTS, NODE_FIRST, NODE_STOP = 4, 5, 6  # after the four nodes behind


@step
def signed(field: Any) -> Any:
    """A field of a table or record as int64: unsigned and signed together would become float64."""
    return np.int64(field)


@step
def steps(start: int, stop: int, ring: int) -> int:
    """Signed hops from one coordinate to another; in a ring of so many routers the shorter one, else the positive."""
    distance = stop - start
    if ring > 0:
        distance %= ring
        if 2 * distance > ring:
            distance -= ring
    return distance


@step
def make_flit(packet: int, dx: int, dy: int, head: bool, tail: bool) -> int:
    """A flit with its path as hops still to go, as it stands in the FIFO of its source."""
    flit = packet << SHIFT_PACKET | abs(dx) << SHIFT_X | abs(dy) << SHIFT_Y
    if dx < 0:
        flit |= 1 << SHIFT_WEST
    if dy < 0:
        flit |= 1 << SHIFT_NORTH
    if head:
        flit |= HEAD
    if tail:
        flit |= TAIL
    return flit | wanted_output(flit)


@step
def after_hop(flit: int, o: int) -> int:
    """The flit as the next router sees it, after it has left through output ``o``."""
    flit = (flit & ~7) - (1 << (SHIFT_Y if o & 2 else SHIFT_X))
    return flit | wanted_output(flit)


@step
def wanted_output(flit: int) -> int:
    """Output a flit wants next: x first, then y, then the core."""
    if (flit >> SHIFT_X) & HOPS:
        return (flit >> SHIFT_WEST) & 1
    if (flit >> SHIFT_Y) & HOPS:
        return 2 | ((flit >> SHIFT_NORTH) & 1)
    return EJECT


@step
def make_branch(packet: int, node: int, last: bool, nodes: Indices) -> int:
    """A flit of a multicast packet as it stands in the FIFO of the router of ``node``."""
    wants = signed(nodes[node << SHIFT_NODE_PLACES | NODE_WANTS])
    flit: int = packet << SHIFT_PACKET | node << SHIFT_NODE | wants << SHIFT_WANTS | HEAD
    return flit | TAIL if last else flit


@step
def after_branch(flit: int, o: int, nodes: Indices) -> int:
    """The copy of a flit of a multicast packet that has left through output ``o``, as the next router sees it."""
    behind = signed(nodes[node_of(flit) << SHIFT_NODE_PLACES | (o & 7)])
    return make_branch(flit >> SHIFT_PACKET, behind, flit & TAIL != 0, nodes)


@step
def node_of(flit: int) -> int:
    """Node of its tree at which a flit of a multicast packet stands."""
    return (flit >> SHIFT_NODE) & (NODES_MAX - 1)
