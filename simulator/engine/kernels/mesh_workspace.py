"""The state of the mesh as arrays, made once and handed to the network kernel in every call.

A *port* is ``router * 8 + p``:

- As an input, p = 0..3 is the FIFO from the neighbour at +x, -x, +y, -y, and 4 the one from the source of the router.
- As an output, p = 0..3 leads to that neighbour and 4 to the core; 5 is the source itself, which feeds input 4.
- Port 6 keeps when places of the port to the cores become free, where cores have a bounded input.

So the two ends of a link are peers in both directions, and one record serves each port.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.engine.kernels.network_records import Indices, Records, Wheel
from simulator.errors import SpikewattError

FAMILY_P, FAMILY_N, FAMILY_R, FAMILY_V = range(4)
ONE_VC = {"P": FAMILY_P, "N": FAMILY_N, "R": FAMILY_R}
EJECT, SOURCE, LATE = 4, 5, 6
LINK_CYCLES = 3  # switch allocation, switch traversal, channel (rule 4 of docs/network_timing.md)
SOURCE_CYCLES = 2  # from a source to the first allocation, and for its credit back (rules 2 and 4)
ANY_INPUT = 0b11111
OWNED = 1 << 5  # set while a packet holds the output: credits alone must not admit another input
BLOCKED = 1 << 28  # taken from the credits of an output that must not send yet (`interval`)
FREE = 1 << 29  # added to the credits of an N or R output without owner: choosing one needs no credit

# Kinds of events: a credit is back at an output, a flit has come to a FIFO, the pause of an output is over, the head of
# a packet has spent its routing cycle (family R).
CREDIT, ARRIVAL, WAKE, ASK = range(4)
KINDS = 4
DUE_BITS = 32  # cycles of the wheel that one word says something about
PORTS_DUE = 6  # ports of a router that can have an event of one kind in one cycle
WHEEL_ENTRIES_MAX = 1 << 28

PORT = np.dtype(  # two to a cache line: on a large mesh the time goes into fetching them
    [
        # as an output
        ("wait", np.int64),  # cycles that heads have asked in vain in this call
        ("flits", np.uint32),  # sent in this call
        ("credits", np.int32),  # free places in the FIFO at the other end
        ("peer", np.uint32),  # other end of the link
        ("cycles", np.uint16),  # from grant to arrival; the credit takes as long
        ("interval", np.uint16),  # least distance of two flits
        ("back", np.uint16),  # as an input: cycles of the link that ends here, which a credit takes back
        ("asking", np.uint8),  # bit i: the head of input i wants this output; a source: 1 while packets wait
        (
            "allowed",
            np.uint8,
        ),  # bit i: input i may be chosen; all, or only the owner, or what leaves room in a ring
        ("pointer", np.uint8),  # round-robin: 0 = not moved in this call, else last winner + 1
        # as an input
        ("read", np.uint8),  # place of the head in the FIFO
        ("stored", np.uint8),  # flits in it
        ("peak", np.uint8),  # most of them at once in this call
    ]
)
QUEUE = np.dtype(  # the packets that wait at the source of a router
    [("head", np.uint32), ("tail", np.uint32), ("sent", np.uint32), ("unused", np.uint32)]  # sent: flits of the head
)
LINK = np.dtype([("link", np.uint32), ("cycles", np.int32), ("interval", np.int32), ("peer", np.uint32)])
LINK_CYCLES_MAX = (1 << 16) - 1


class SlowestLink(NamedTuple):
    """Most cycles that any link takes beyond a router's own, and most cycles between two flits of one."""

    extra: int
    interval: int


class MeshWorkspace(NamedTuple):
    """Arrays of the mesh kernel. Between calls it is empty: no flit, every credit returned, no output owned.

    Attributes
    ----------
    family
        Router family: 0 = P, 1 = N, 2 = R.
    ring_bits
        A FIFO is a ring of ``1 << ring_bits`` flits; that of port q starts at ``q << ring_bits``.
    x, y
        Coordinates of each router.
    ring_x, ring_y
        Routers in the rings of a torus; 0 on a mesh.
    port
        `PORT` record of each port.
    queue
        `QUEUE` record of each router.
    fifo
        Rings of the input ports.
    wheel
        The event wheel of the ports.
    peak
        int64 [routers * 5]: most flits in the FIFO behind each link at once, over all calls.
    active, winners, used
        Outputs that can act in this cycle, their choices, outputs whose pointer has moved.
    pick
        ``pick[pointer * 32 + mask]``: first set bit of the mask at or after the pointer.
    """

    family: int
    ring_bits: int
    x: Ints
    y: Ints
    ring_x: int
    ring_y: int
    port: Records
    queue: Records
    fifo: Ints
    wheel: Wheel
    peak: Ints
    active: Indices
    winners: Indices
    used: Indices
    pick: Indices


def mesh_workspace(
    mesh_x: int,
    mesh_y: int,
    buffer_flits: int,
    family: int = FAMILY_P,
    extra: Ints | None = None,
    interval: Ints | None = None,
    torus: bool = False,
    passed: int | None = None,
) -> MeshWorkspace:
    """Empty state of a mesh or a torus.

    Parameters
    ----------
    mesh_x, mesh_y
        Routers in each direction.
    buffer_flits
        Depth of every FIFO.
    family
        `FAMILY_P`, `FAMILY_N` or `FAMILY_R`.
    extra
        ``extra[router * 5 + output]`` cycles a flit, and its credit on the way back, takes beyond 3; default none.
    interval
        ``interval[router * 5 + output]`` cycles from one flit of this output to the next; default 1.
    torus
        Whether rows and columns are rings; all packets of a call are of one size then, and FIFOs hold two of them.
    passed
        Most routers that the packets of one call pass; default all.

    Raises
    ------
    SpikewattError
        When the links are so slow that the event wheel gets too large.
    """
    n = mesh_x * mesh_y
    ring = power_of_two(buffer_flits)
    port = link_records(PORT, mesh_x, n, extra, interval, torus)
    port["back"] = port["cycles"].reshape(-1)[port["peer"] % port.size]
    port["credits"] = buffer_flits
    port["credits"][:, :SOURCE] += 0 if family == FAMILY_P else FREE
    port["allowed"] = ANY_INPUT
    return MeshWorkspace(
        family=family,
        ring_bits=ring.bit_length() - 1,
        x=np.arange(n, dtype=np.int64) % mesh_x,
        y=np.arange(n, dtype=np.int64) // mesh_x,
        ring_x=mesh_x if torus else 0,
        ring_y=mesh_y if torus else 0,
        port=port.reshape(-1).view(np.recarray),
        queue=np.zeros(n, QUEUE).view(np.recarray),
        fifo=np.zeros(n * 8 * ring, np.int64),
        wheel=event_wheel(port, with_cargo=True, passed=passed),
        peak=np.zeros(n * 5, np.int64),
        active=np.zeros(n * 6 + 1, np.uint32),  # the kernel writes one place beyond the end before it decides
        winners=np.zeros(n * 6, np.uint32),
        used=np.zeros(n * 5, np.uint32),
        pick=pick_table(),
    )


def mesh_bytes(
    n: int, buffer_flits: int, slowest: SlowestLink, cycles: int, *, asks: bool, passed: int | None = None
) -> int:
    """Bytes of a `mesh_workspace` of ``n`` routers that runs of at most ``cycles`` cycles write to."""
    fifo = 8 * 8 * power_of_two(buffer_flits)
    lists = 2 * 8 + 5 * 8 + 17 * 4  # x and y; peak; active, winners and used
    kinds = 2 + (slowest.interval > 1) + asks
    wheel = wheel_bytes(n if passed is None else passed, slowest, cycles, kinds, cargo=True)
    return n * (8 * PORT.itemsize + QUEUE.itemsize + fifo + lists) + wheel


def wheel_bytes(n: int, slowest: SlowestLink, cycles: int, kinds: int, *, cargo: bool) -> int:
    """Bytes of an `event_wheel` for ``n`` routers that are written to when ``kinds`` of events occur.

    Large arrays take memory in pages of 2 MiB, so of a slot in use all is counted.
    """
    slots = wheel_slots(max(2 * (slowest.extra + LINK_CYCLES), slowest.interval))
    used = min(slots, cycles + LINK_CYCLES)
    return used * PORTS_DUE * n * (4 * kinds + (8 if cargo else 0))


def wheel_slots(farthest: int) -> int:
    """Slots of a wheel for each kind of event, for events at most ``farthest`` cycles ahead."""
    return power_of_two(farthest + 1)


def link_records(
    dtype: np.dtype[Any], mesh_x: int, n: int, extra: Ints | None, interval: Ints | None, torus: bool = False
) -> NDArray[Any]:
    """Zeroed records ``[router, port]`` with the fields of `LINK`, as far as ``dtype`` has them, filled in.

    Raises
    ------
    SpikewattError
        When a link takes more cycles than a record holds.
    """
    port = np.zeros((n, 8), dtype)
    for name, cycles in (("extra cycles", extra), ("cycles per flit", interval)):
        if cycles is not None and np.max(cycles) > LINK_CYCLES_MAX - LINK_CYCLES:
            raise SpikewattError(
                f"network: a link of {np.max(cycles)} {name}, expected at most {LINK_CYCLES_MAX - LINK_CYCLES}"
            )
    if "link" in (dtype.names or ()):
        port["link"] = np.arange(n)[:, None] * 5 + np.arange(8)
    port["cycles"] = LINK_CYCLES
    port["cycles"][:, SOURCE] = SOURCE_CYCLES
    port["interval"] = 1
    port["peer"] = _peers(mesh_x, n, torus)
    if extra is not None:
        port["cycles"][:, :5] = np.asarray(extra).reshape(n, 5) + LINK_CYCLES
    if interval is not None:
        port["interval"][:, :5] = np.asarray(interval, np.int32).reshape(n, 5)
    return port


def _peers(mesh_x: int, n: int, torus: bool) -> Ints:
    """Port at the other end of each link, int64 [routers, 8].

    Ports at the rim of a mesh get one as well, which XY routing never uses.
    """
    router = np.arange(n)[:, None]
    step_x, step_y = np.array([1, -1, 0, 0, 0, 0, 0, 0]), np.array([0, 0, 1, -1, 0, 0, 0, 0])
    behind = router + step_x + step_y * mesh_x
    if torus:
        behind = (router // mesh_x + step_y) % (n // mesh_x) * mesh_x + (router % mesh_x + step_x) % mesh_x
    peers: Ints = behind * 8 + np.array([1, 0, 3, 2, SOURCE, EJECT, 6, 7])
    return peers


def event_wheel(port: NDArray[Any], *, with_cargo: bool, passed: int | None = None) -> Wheel:
    """An empty wheel that reaches as far as any event of these links.

    The farthest event is the credit of an ejected flit (twice the path) or the end of a pause. No port has two
    events of one kind in the same cycle. Packets of one call pass at most ``passed`` routers, all by default.

    Raises
    ------
    SpikewattError
        When the wheel gets too large to be indexed.
    """
    farthest = max(2 * int(port["cycles"].max()), int(port["interval"].max()))
    routers = len(port) if passed is None else min(passed, len(port))
    slots, per_slot = wheel_slots(farthest), PORTS_DUE * routers
    entries = KINDS * slots * per_slot
    if entries > WHEEL_ENTRIES_MAX:
        raise SpikewattError(
            f"network: {routers} routers with events {farthest} cycles ahead need {entries} places for events, "
            f"expected at most {WHEEL_ENTRIES_MAX}; lower the extra cycles or the cycles per flit of the links"
        )
    first = np.arange(KINDS * slots, dtype=np.uint32) * np.uint32(per_slot)
    return Wheel(
        events=np.zeros(entries, np.uint32),
        cargo=np.zeros(slots * (ARRIVAL + 1) * per_slot if with_cargo else 0, np.int64),
        first=first,
        end=np.concatenate([first, np.zeros(-(-slots // DUE_BITS), np.uint32)]),
        mask=slots - 1,
    )


def power_of_two(least: int) -> int:
    """Smallest power of two that is not below ``least``."""
    return 1 << (least - 1).bit_length()


@cache
def pick_table() -> Indices:
    """First set bit of a 5-bit mask at or after the pointer (0..5, 5 means 0), at ``pointer * 32 + mask``."""
    table = np.zeros((6, 32), np.uint32)
    for pointer in range(6):
        for mask in range(1, 32):
            table[pointer, mask] = next(i % 5 for i in range(pointer, pointer + 5) if mask >> (i % 5) & 1)
    return table.reshape(-1)
