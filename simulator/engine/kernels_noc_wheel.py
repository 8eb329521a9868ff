"""The event wheel of the network kernels: one slot per kind of event and cycle, as far ahead as the slowest link."""

from __future__ import annotations

import numpy as np

from simulator.compiled import jit
from simulator.engine.noc_workspace import ARRIVAL, KINDS, Indices, Ints


@jit
def push_event(kind: int, when: int, item: int, wheel: Indices, end: Indices, wheel_mask: int) -> None:
    """Put port ``item`` into the wheel slot of cycle ``when``."""
    slot = wheel_slot(kind, when, wheel_mask)
    k = end[slot]
    wheel[k] = item
    end[slot] = k + 1


@jit
def push_flit(when: int, item: int, flit: int, cargo: Ints, wheel: Indices, end: Indices, wheel_mask: int) -> None:
    """Put the arrival of a flit at port ``item`` into the wheel; on a large mesh that is nearer than its FIFO."""
    slot = wheel_slot(ARRIVAL, when, wheel_mask)
    k = end[slot]
    wheel[k] = item
    cargo[k] = flit
    end[slot] = k + 1


@jit
def wheel_slot(kind: int, when: int, wheel_mask: int) -> np.uint32:
    """Wheel slot of the events of one kind in cycle ``when``."""
    return np.uint32(kind * (wheel_mask + 1) + (when & wheel_mask))


@jit
def idle_cycles(t: int, joined: int, n: int, cycle: Ints, first: Indices, end: Indices, wheel_mask: int) -> int:
    """Cycles from ``t`` to the first with something due or a packet that joins; -1 when all is done."""
    for ahead in range(wheel_mask + 1):
        for kind in range(KINDS):
            slot = wheel_slot(kind, t + ahead, wheel_mask)
            if end[slot] > first[slot]:
                return ahead
        if joined < n and cycle[joined] <= t + ahead:
            return ahead
    return cycle[joined] - t if joined < n else -1
