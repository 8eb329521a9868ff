"""Compiled kernel of the target cores: FIFO servers that take what the network delivers.

A core takes packets in the order in which the network hands them over. All of them come through the local port of its
router, one after another, so the network serves them in the very moment it delivers: no list, no sorting.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.compiled import jit

Ints = NDArray[np.int64]
Cores = tuple[int, Ints, Ints, Ints, Ints]
Log = Ints

LOG_FIELDS = 5  # packet, member, cycle of delivery, start and end of its service in ps


@jit
def deliver(packet: int, cycle: int, at_ps: int, first: int, stop: int, cores: Cores, log: Log, n_log: int) -> int:
    """Hand a packet, there since ``at_ps``, to its members ``first..stop``, targets on cores; returns the log's length.

    ``cores`` is (cycle_ps, member of each packet, server of each member, its time for a packet, when each server is
    free), see `kernels_noc.simulate_mesh`. Members of one server are served one after another.
    """
    _, _, server, service_ps, free_ps = cores
    for k in range(np.uint64(first), np.uint64(stop)):
        s = server[k]
        start_ps = max(at_ps, free_ps[s])
        done_ps = start_ps + service_ps[k]
        free_ps[s] = done_ps
        if n_log < len(log):
            row = log[n_log]
            row[0], row[1], row[2], row[3], row[4] = packet, k, cycle, start_ps, done_ps
            n_log += 1
    return n_log
