"""Records that the network kernels pass between their steps. numba takes named tuples as they are.

A record holds arrays and scalars only. It costs nothing in a step that is compiled without reference counts, see
`simulator.compiled.step`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints

Indices = NDArray[np.uint32]
Records = NDArray[Any]
NO_NODES: Indices = np.zeros(0, np.uint32)

# One delivery of a packet to a member: cycle of the delivery, start and end of the service in ps.
DELIVERY = np.dtype([(name, np.int64) for name in ("packet", "member", "cycle", "start_ps", "done_ps")])
Log = NDArray[Any]


class Wheel(NamedTuple):
    """The event wheel, see `event_wheel`.

    Attributes
    ----------
    events
        uint32: slot ``s = kind * (mask + 1) + (cycle & mask)`` holds the ports (or channels)
        ``events[first[s]:end[s]]``.
    cargo
        int64: the flit of each arrival, at the same place; of no length where flits are written into their FIFO.
    first, end
        uint32: limits of the slots. Behind the last slot ``end`` has one bit per cycle.
    mask
        The wheel has ``mask + 1`` slots for each kind of event.
    """

    events: Indices
    cargo: Ints
    first: Indices
    end: Indices
    mask: int


class Traffic(NamedTuple):
    """Packets of one run of the network.

    Attributes
    ----------
    n
        Packets; the arrays may be longer.
    cycle, src, dst, n_flits
        int64 [n]: cycle each packet joins the queue of its source (ascending; array order is queue order), routers,
        flits (>= 1). For multicast packets ``dst`` is the root of their tree in ``nodes``.
    delivered
        Out, int64 [n]: cycle in which the tail of each packet is delivered (of a multicast packet: work space only).
        Until a packet leaves its source this array holds the links of the source queues.
    nodes
        The table of trees (`flit`); of no length: each packet goes to one router.
    """

    n: int
    cycle: Ints
    src: Ints
    dst: Ints
    n_flits: Ints
    delivered: Ints
    nodes: Indices


class LinkTotals(NamedTuple):
    """What the links did, added to at ``router * 5 + output``.

    Attributes
    ----------
    flits
        int64: flits sent.
    wait
        int64: cycles (ticks in the closed forms) that heads wanting this output have asked in vain.
    """

    flits: Ints
    wait: Ints


class Inputs(NamedTuple):
    """Bounded inputs of the cores.

    Attributes
    ----------
    places
        Places in front of a server; 0 for any number.
    started
        int64 [servers * places]: when each of the last so many packets began to be served, a ring per server.
    taken
        int64 [servers]: packets that each server has taken.
    port_ps
        int64 [routers]: when the last packet of each router was taken.
    stall_ps
        int64 [servers]: added to, the time in which packets waited for a place.
    """

    places: int
    started: Ints
    taken: Ints
    port_ps: Ints
    stall_ps: Ints


class Cores(NamedTuple):
    """The cores behind the routers. Without members nothing is served.

    Attributes
    ----------
    cycle_ps
        Time of a network cycle.
    member_of
        int64 [packets]: member of each packet; not used for multicast.
    server, service_ps
        int64 [members]: server of each member, its time for a packet of one spike.
    spikes
        int64 [packets]: spikes of each packet; of no length: each has one.
    overhead_ps
        Part of the service that a packet takes once, however many spikes it has.
    free_ps
        int64 [servers]: when each server is free, in and out.
    inputs
        The places in front of the servers.
    """

    cycle_ps: int
    member_of: Ints
    server: Ints
    service_ps: Ints
    spikes: Ints
    overhead_ps: int
    free_ps: Ints
    inputs: Inputs


def no_cores(cycle_ps: int = 1) -> Cores:
    """No core behind the routers: packets are delivered and not served."""
    none = np.zeros(0, np.int64)
    return Cores(cycle_ps, none, none, none, none, 0, none, Inputs(0, none, none, none, none))


def empty_log(rows: int = 0) -> Log:
    """Room for ``rows`` deliveries to members."""
    return np.zeros(rows, DELIVERY).view(np.recarray)
