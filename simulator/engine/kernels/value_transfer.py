"""Compiled kernel of a value transfer: outputs of layers travel to the core that needs them next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.arrays import Ints
from simulator.compiled import jit
from simulator.engine.kernels.carry import NetworkArrays, carry
from simulator.engine.kernels.core_service import open_inputs
from simulator.engine.kernels.network_records import DELIVERY, Cores, Traffic


class ValuePackets(NamedTuple):
    """The packets of a transfer in the order of (injection cycle, sender, sequence), and their receivers.

    Attributes
    ----------
    cycle, source, target_of
        int64 [packets]: injection cycle, router of the sender, index of the receiver.
    flits
        int64 [packets].
    receiver_router, service_ps
        int64 [receivers]: router of each receiver, its time for a packet.
    """

    cycle: Ints
    source: Ints
    target_of: Ints
    flits: Ints
    receiver_router: Ints
    service_ps: Ints


@jit
def run_transfer(packets: ValuePackets, cycle_ps: int, network: NetworkArrays, stall_ps: Ints) -> int:
    """One transfer step from an idle network; returns the time in ps until the last value is in and served.

    ``stall_ps`` int64 [receivers] is added to.
    """
    n = len(packets.cycle)
    free_ps = np.zeros(len(packets.receiver_router), np.int64)
    inputs = open_inputs(network.places, len(free_ps), network.port_ps, stall_ps)
    none = np.zeros(0, np.int64)
    cores = Cores(cycle_ps, packets.target_of, np.arange(len(free_ps)), packets.service_ps, none, 0, free_ps, inputs)
    to, delivered = packets.receiver_router[packets.target_of], np.empty(n, np.int64)
    traffic = Traffic(n, packets.cycle, packets.source, to, packets.flits, delivered, np.empty(0, np.uint32))
    last_ps, _ = carry(traffic, network, cores, np.empty(0, DELIVERY))
    return max(int(free_ps.max()), last_ps)
