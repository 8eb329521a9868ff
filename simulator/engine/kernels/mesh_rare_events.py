"""What the network kernel finds in its wheel more rarely than flits and credits: pauses, routing cycles, full cores."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.compiled import jit
from simulator.engine.kernels.event_wheel import (
    push_event,
    wheel_slot,
)
from simulator.engine.kernels.mesh_ports import (
    ask,
    ask_all,
    list_active,
    place_of,
)
from simulator.engine.kernels.mesh_workspace import (
    ASK,
    BLOCKED,
    EJECT,
    LATE,
    WAKE,
    Indices,
)

Records = NDArray[Any]


@jit
def ask_late(
    t: int,
    multicast: bool,
    port: Records,
    fifo: Ints,
    ring_bits: int,
    wheel: Indices,
    first: Indices,
    end: Indices,
    active: Indices,
    n_active: int,
    wheel_mask: int,
    pick: Indices,
) -> int:
    """Let the heads of packets ask that have spent their routing cycle (family R)."""
    slot = wheel_slot(ASK, t, wheel_mask)
    for k in range(first[slot], end[slot]):
        q = wheel[k]
        flit = fifo[place_of(q, port[q].read, ring_bits)]
        if multicast:
            n_active = ask_all(t, q, flit, True, port, active, n_active, pick)
        else:
            n_active = ask(t, q, flit & 7, True, port, active, n_active)
    end[slot] = first[slot]
    return n_active


@jit
def credit_late(
    t: int,
    o: int,
    due: int,
    port: Records,
    fifo: Ints,
    ring_bits: int,
    wheel: Indices,
    end: Indices,
    wheel_mask: int,
) -> None:
    """Let the credit of a local port come back at ``due``, perhaps beyond the reach of the wheel.

    What is due waits in the ring of port `LATE`, in order, and one event at a time stands for the first of it.
    """
    late = (o >> 3) << 3 | LATE
    waiting = port[late]
    fifo[place_of(late, (waiting.read + waiting.stored) & ((1 << ring_bits) - 1), ring_bits)] = due
    waiting.stored += 1
    if waiting.stored == 1:
        push_event(WAKE, min(due, t + wheel_mask), late, wheel, end, wheel_mask)


@jit
def wake_ports(
    t: int,
    port: Records,
    fifo: Ints,
    ring_bits: int,
    wheel: Indices,
    first: Indices,
    end: Indices,
    active: Indices,
    n_active: int,
    wheel_mask: int,
) -> int:
    """End the pause of outputs whose interval is over, and bring credits back that took long."""
    slot = wheel_slot(WAKE, t, wheel_mask)
    for k in range(first[slot], end[slot]):
        o = wheel[k]
        if o & 7 == LATE:
            n_active = _late_credits(t, o, port, fifo, ring_bits, wheel, end, active, n_active, wheel_mask)
            continue
        out = port[o]
        idle = out.credits <= 0
        out.credits += BLOCKED
        n_active = list_active(active, n_active, o, idle & (out.credits > 0) & (out.asking & out.allowed != 0))
    end[slot] = first[slot]
    return n_active


@jit
def _late_credits(
    t: int,
    late: int,
    port: Records,
    fifo: Ints,
    ring_bits: int,
    wheel: Indices,
    end: Indices,
    active: Indices,
    n_active: int,
    wheel_mask: int,
) -> int:
    """Bring back the credits of a local port that are due, and look ahead to the next."""
    waiting = port[late]
    o = (late >> 3) << 3 | EJECT
    out = port[o]
    while waiting.stored > 0:
        due = fifo[place_of(late, waiting.read, ring_bits)]
        if due > t:
            push_event(WAKE, min(due, t + wheel_mask), late, wheel, end, wheel_mask)
            break
        waiting.read = (waiting.read + 1) & ((1 << ring_bits) - 1)
        waiting.stored -= 1
        out.credits += 1
        n_active = list_active(active, n_active, o, (out.credits == 1) & (out.asking & out.allowed != 0))
    return n_active
