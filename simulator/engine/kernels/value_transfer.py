"""Compiled kernel of a value transfer: outputs of layers on their way to the core that needs them next."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.compiled import jit
from simulator.engine.kernels.carry import Links, carry
from simulator.engine.kernels.core_service import LOG_FIELDS, open_inputs


@jit
def run_transfer(
    cycle: Ints,
    source: Ints,
    target_of: Ints,
    receiver_router: Ints,
    service_ps: Ints,
    cycle_ps: int,
    flits: Ints,
    network: Links,
    stall_ps: Ints,
) -> int:
    """One transfer step from an idle network; returns the time in ps until the last value is in and served.

    ``cycle``, ``source``, ``target_of`` and ``flits`` are int64 [packets] in the order of injection (see
    `transfer.TransferArrays`); ``receiver_router`` and ``service_ps`` are int64 [receivers], one packet each;
    ``stall_ps`` int64 [receivers] is added to.
    """
    n = len(cycle)
    free_ps = np.zeros(len(receiver_router), np.int64)
    inputs = open_inputs(network[6], len(free_ps), network[7], stall_ps)
    cores = (cycle_ps, target_of, np.arange(len(free_ps)), service_ps, free_ps, inputs)
    to, delivered = receiver_router[target_of], np.empty(n, np.int64)
    nodes, log = np.empty(0, np.uint32), np.empty((0, LOG_FIELDS), np.int64)
    last_ps = carry(n, cycle, source, to, flits, delivered, network, nodes, cores, log)
    return max(int(free_ps.max()), last_ps)
