"""The event wheel of the network kernels: one slot per kind of event and cycle, as far ahead as the slowest link.

A chip with slow links between its chips has a wheel of hundreds of cycles, nearly all of them empty. So one bit per
cycle says where to look: behind the ends of the slots, in words of 32, set by every push and found out of date by the
search for the next event, which clears it.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.compiled import step, subroutine
from simulator.engine.kernels.mesh_workspace import ARRIVAL, DUE_BITS, KINDS
from simulator.engine.kernels.network_records import Wheel


@step
def push_event(kind: int, when: int, item: int, wheel: Wheel) -> None:
    """Put port ``item`` into the wheel slot of cycle ``when``."""
    slot = wheel_slot(kind, when, wheel)
    k = wheel.end[slot]
    wheel.events[k] = item
    wheel.end[slot] = k + 1
    _mark_due(when, wheel)


@step
def push_flit(when: int, item: int, flit: int, wheel: Wheel) -> None:
    """Put the arrival of a flit at port ``item`` into the wheel; on a large mesh that is nearer than its FIFO."""
    slot = wheel_slot(ARRIVAL, when, wheel)
    k = wheel.end[slot]
    wheel.events[k] = item
    wheel.cargo[k] = flit
    wheel.end[slot] = k + 1
    _mark_due(when, wheel)


@step
def wheel_slot(kind: int, when: int, wheel: Wheel) -> np.uint32:
    """Wheel slot of the events of one kind in cycle ``when``."""
    return np.uint32(kind * (wheel.mask + 1) + (when & wheel.mask))


@subroutine
def idle_cycles(t: int, joined: int, n: int, cycle: Ints, wheel: Wheel) -> int:
    """Cycles from ``t`` to the first with something due or a packet that joins; -1 when all is done."""
    joins = max(cycle[joined] - t, 0) if joined < n else wheel.mask + 1
    ahead = 0
    while ahead < min(joins, wheel.mask + 1):
        place = (t + ahead) & wheel.mask
        bits = np.int64(wheel.end[_due_word(place, wheel)]) >> (place & (DUE_BITS - 1))
        if bits == 0:
            ahead += min(DUE_BITS, wheel.mask + 1) - (place & (DUE_BITS - 1))
        elif bits & 1 == 0:
            ahead += 1
            while bits & 2 == 0:
                bits >>= 1
                ahead += 1
        elif _is_due(place, wheel):
            return ahead
        else:
            wheel.end[_due_word(place, wheel)] ^= np.uint32(1 << (place & (DUE_BITS - 1)))
            ahead += 1
    return joins if joined < n else -1


@step
def _is_due(place: int, wheel: Wheel) -> bool:
    """Whether a cycle of the wheel has an event."""
    for kind in range(KINDS):
        slot = wheel_slot(kind, place, wheel)
        if wheel.end[slot] > wheel.first[slot]:
            return True
    return False


@step
def _mark_due(when: int, wheel: Wheel) -> None:
    """Set the bit of a cycle."""
    place = when & wheel.mask
    wheel.end[_due_word(place, wheel)] |= np.uint32(1 << (place & (DUE_BITS - 1)))


@step
def _due_word(place: int, wheel: Wheel) -> np.uint32:
    """Where the bit of a cycle of the wheel lies."""
    return np.uint32(KINDS * (wheel.mask + 1) + place // DUE_BITS)
