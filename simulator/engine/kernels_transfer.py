"""Compiled kernel of a value transfer: outputs of layers on their way to the core that needs them next."""

from __future__ import annotations

import numpy as np

from simulator.compiled import jit
from simulator.engine.kernels import Ints, Links, merge_homes, serve
from simulator.engine.kernels_noc import simulate_mesh


@jit
def run_transfer(
    ready_ps: Ints,
    ptr: Ints,
    target_of: Ints,
    sender_router: Ints,
    receiver_router: Ints,
    service_ps: Ints,
    cycle_ps: int,
    flits: Ints,
    network: Links,
) -> int:
    """One transfer step from an idle network; returns the time in ps until the last value is in.

    ``ready_ps`` and ``target_of`` are int64 [packets], grouped by sender through ``ptr`` int64 [senders + 1];
    ``service_ps`` is int64 [receivers], one packet each; ``flits`` is int64 [packets].
    """
    n = len(ready_ps)
    sender_of = np.empty(n, np.int64)
    for sender in range(len(ptr) - 1):
        sender_of[ptr[sender] : ptr[sender + 1]] = sender
    emitted = (ready_ps, target_of, sender_of, target_of)
    packets = (np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64))
    cycle = np.empty(n, np.int64)
    merge_homes(emitted, ptr[:-1].copy(), ptr[1:], cycle_ps, packets, cycle)
    start_ps = np.empty(n, np.int64)
    done_ps = np.empty(n, np.int64)
    free_ps = np.zeros(len(receiver_router), np.int64)
    delivered = np.empty(n, np.int64)
    src, dst = sender_router[packets[2]], receiver_router[packets[3]]
    simulate_mesh(n, cycle, src, dst, flits, delivered, network[0], network[1], network[2])
    order = np.argsort(delivered, kind="mergesort")
    serve(order, delivered, cycle_ps, packets[3], service_ps, free_ps, start_ps, done_ps)
    return max(int(ready_ps.max()), int(free_ps.max()))
