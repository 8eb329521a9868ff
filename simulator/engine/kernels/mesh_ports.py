"""What a port of the network kernel does with a request, a credit, a packet that joins, a flit that has left."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.arrays import Ints
from simulator.compiled import step
from simulator.engine.kernels.flit import (
    SHIFT_WANTS,
    WANTS,
    signed,
)
from simulator.engine.kernels.mesh_workspace import (
    ANY_INPUT,
    BLOCKED,
    EJECT,
    OWNED,
    SOURCE,
    MeshWorkspace,
)
from simulator.engine.kernels.network_records import Indices


@step
def list_active(active: Indices, n_active: int, item: int, really: bool) -> int:
    """Write ``item`` behind the end of the list and return its new length: longer by one if ``really``.

    Without a branch, because the processor would guess wrong every other time.
    """
    active[np.uint64(n_active)] = item
    return n_active + really


@step
def place_of(q: int, place: int, ring_bits: int) -> np.uint64:
    """Index of a place in the FIFO of port ``q``."""
    return np.uint64(q) << np.uint64(ring_bits) | np.uint64(place)


@step
def ask(t: int, q: int, p: int, asks: bool, mesh: MeshWorkspace, n_active: int) -> int:
    """Enter the request of FIFO ``q`` for output ``p``, active if it can send and had nothing to choose from."""
    o = (q >> 3) << 3 | p
    out = mesh.port[o]
    bit = np.int64(asks) << (q & 7)
    asking = out.asking
    allowed = out.allowed
    out.asking = asking | bit
    out.wait -= t & -np.int64(asks)
    return list_active(mesh.active, n_active, o, (asking & allowed == 0) & (bit & allowed != 0) & (out.credits > 0))


@step
def ask_all(t: int, q: int, flit: int, asks: bool, mesh: MeshWorkspace, n_active: int) -> int:
    """Enter the requests of a multicast flit for all its outputs."""
    wants = (flit >> SHIFT_WANTS) & WANTS if asks else 0
    while wants:
        n_active = ask(t, q, signed(mesh.pick[wants]), True, mesh, n_active)
        wants &= wants - 1
    return n_active


@step
def more_room(o: int, out: Any, size: int) -> Any:
    """Book a credit that is back on a torus; whether the output can act now and could not before."""
    could = (out.credits > 0) & (out.asking & out.allowed != 0)
    out.credits += 1
    if out.allowed & OWNED == 0:
        out.allowed = leaving_room(o, out, size)
    return (out.credits > 0) & (out.asking & out.allowed != 0) & (not could)


@step
def leaving_room(o: int, out: Any, size: int) -> int:
    """Inputs that a free output of a torus may choose: in a ring those that leave it room (bubble flow control)."""
    if o & 7 >= EJECT:
        return ANY_INPUT
    places = signed(out.credits) & (BLOCKED - 1)
    if places >= 2 * size:
        return ANY_INPUT
    return 1 << signed((o & 7) ^ 1) if places >= size else 0


@step
def join_queue(packet: int, r: int, delivered: Ints, mesh: MeshWorkspace, n_active: int) -> int:
    """Append ``packet`` to the queue of source ``r``."""
    o = r << 3 | SOURCE
    out = mesh.port[o]
    waiting = mesh.queue[r]
    delivered[packet] = -1
    if out.asking:
        delivered[waiting.tail] = packet
    else:
        out.asking = 1
        waiting.head = packet
        n_active = list_active(mesh.active, n_active, o, out.credits > 0)
    waiting.tail = packet
    return n_active


@step
def book_sent(source: Any, waiting: Any, tail: bool, following: int) -> Any:
    """Book a flit that a source has sent; whether it can send again. ``following`` is the next packet of its queue."""
    source.credits -= 1
    waiting.sent += 1
    if tail:
        waiting.sent = 0
        source.asking = following >= 0
        waiting.head = max(following, 0)
    return (source.credits > 0) & (source.asking != 0)
