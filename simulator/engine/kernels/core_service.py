"""Compiled kernel of the target cores: FIFO servers that take what the network delivers.

A core takes packets in the order in which the network hands them over. All of them come through the local port of its
router, one after another, so the network serves them in the very moment it delivers: no list, no sorting.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.compiled import jit, jit_merged

Inputs = tuple[int, Ints, Ints, Ints, Ints]
Cores = tuple[int, Ints, Ints, Ints, Ints, Inputs]
Log = Ints

LOG_FIELDS = 5  # packet, member, cycle of delivery, start and end of its service in ps


@jit_merged
def serve(at_ps: int, first: int, stop: int, server: Ints, service_ps: Ints, free_ps: Ints) -> None:
    """Members ``first..stop`` take a packet, there since ``at_ps``: any number waits, and no record is kept.

    The common case and the innermost loop of a large model. The arrays come one by one, because taking them out of a
    tuple counts references to them, with locked instructions, a quarter of the time.
    """
    for k in range(np.uint64(first), np.uint64(stop)):
        s = server[k]
        free_ps[s] = max(at_ps, free_ps[s]) + service_ps[k]


@jit
def keeps_nothing(cores: Cores, log: Log) -> bool:
    """Whether `serve` is all there is to do: inputs without bound, and no record."""
    return cores[5][0] == 0 and len(log) == 0


@jit
def deliver(
    packet: int, cycle: int, at_ps: int, router: int, first: int, stop: int, cores: Cores, log: Log, n_log: int
) -> int:
    """Hand a packet, there since ``at_ps``, to its members ``first..stop``, targets on cores; returns the log's length.

    ``cores`` is (cycle_ps, member of each packet, server of each member, its time for a packet, when each server is
    free, inputs), see `mesh.simulate_mesh`. Members of one server are served one after another. ``inputs`` is
    (places in front of a server, 0 for any number; when each of the last so many packets began to be served, a ring per
    server; packets that each server has taken; when each router's last packet was taken; stall of each server).
    """
    _, _, server, service_ps, free_ps, inputs = cores
    places, started, taken, port_ps, stall_ps = inputs
    at_head = at_ps
    if places > 0:
        at_head = max(at_ps, port_ps[router])
        port_ps[router] = at_head
    for k in range(np.uint64(first), np.uint64(stop)):
        s = server[k]
        taken_ps = at_head
        if places > 0:
            place = s * places + taken[s] % places
            if taken[s] >= places:
                taken_ps = max(at_head, started[place])
                stall_ps[s] += taken_ps - at_head
            taken[s] += 1
            started[place] = max(taken_ps, free_ps[s])
            port_ps[router] = max(port_ps[router], taken_ps)
        start_ps = max(taken_ps, free_ps[s])
        done_ps = start_ps + service_ps[k]
        free_ps[s] = done_ps
        if n_log < len(log):
            row = log[n_log]
            row[0], row[1], row[2], row[3], row[4] = packet, k, cycle, start_ps, done_ps
            n_log += 1
    return n_log


@jit
def open_inputs(places: int, n_servers: int, port_ps: Ints, stall_ps: Ints) -> Inputs:
    """Empty inputs of ``n_servers`` cores; ``port_ps`` (per router) is set to zero, ``stall_ps`` is added to."""
    if places > 0:
        port_ps[:] = 0
    n = n_servers if places > 0 else 0
    return places, np.zeros(n * places, np.int64), np.zeros(n, np.int64), port_ps, stall_ps
