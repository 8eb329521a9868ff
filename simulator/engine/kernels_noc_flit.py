"""A flit of the network kernels: one int64 that holds its way as hops still to go.

From bit 0: output wanted at the present router (3 bits), tail, head, hops left in x (13) and in y (13), west, north,
packet (30).
"""

from __future__ import annotations

from simulator.compiled import jit
from simulator.engine.noc_workspace import EJECT

TAIL, HEAD = 8, 16
SHIFT_X, SHIFT_Y = 5, 18
HOPS = (1 << 13) - 1
SHIFT_WEST, SHIFT_NORTH = 31, 32
SHIFT_PACKET = 33


@jit
def make_flit(packet: int, dx: int, dy: int, head: bool, tail: bool) -> int:
    """A flit with its way as hops still to go, as it stands in the FIFO of its source."""
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


@jit
def after_hop(flit: int, o: int) -> int:
    """The flit as the next router sees it, after it has left through output ``o``."""
    flit = (flit & ~7) - (1 << (SHIFT_Y if o & 2 else SHIFT_X))
    return flit | wanted_output(flit)


@jit
def wanted_output(flit: int) -> int:
    """Output a flit wants next: x first, then y, then the core."""
    if (flit >> SHIFT_X) & HOPS:
        return (flit >> SHIFT_WEST) & 1
    if (flit >> SHIFT_Y) & HOPS:
        return 2 | ((flit >> SHIFT_NORTH) & 1)
    return EJECT
