"""Compiled steps of the target cores: FIFO servers that take what the network delivers.

A core takes packets in the order in which the network hands them over. All of them come through the local port of its
router, one after another, so the network serves them in the very moment it delivers: no list, no sorting.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.compiled import jit, step, subroutine
from simulator.engine.kernels.network_records import Cores, Inputs, Log


@step
def hand_over(
    packet: int, cycle: int, at_ps: int, router: int, first: int, stop: int, cores: Cores, log: Log, n_log: int
) -> int:
    """Hand a packet that arrived at ``at_ps`` to members ``first..stop``, targets on cores; returns the log's length.

    The common case, cores with any number of places, packets of one spike and no log, is the innermost loop of a large
    model.
    """
    if cores.inputs.places == 0 and len(log) == 0 and len(cores.spikes) == 0:
        serve(at_ps, first, stop, cores)
        return n_log
    return serve_and_log(packet, cycle, at_ps, router, first, stop, cores, log, n_log)


@step
def serve(at_ps: int, first: int, stop: int, cores: Cores) -> None:
    """Serve a packet that arrived at ``at_ps`` on members ``first..stop`` (unbounded queue, nothing logged)."""
    for k in range(np.uint64(first), np.uint64(stop)):
        s = cores.server[k]
        cores.free_ps[s] = max(at_ps, cores.free_ps[s]) + cores.service_ps[k]


@subroutine
def serve_and_log(
    packet: int, cycle: int, at_ps: int, router: int, first: int, stop: int, cores: Cores, log: Log, n_log: int
) -> int:
    """As `hand_over`, with bounded inputs, several spikes in a packet and a log.

    Members of one server are served one after another. Deliveries are logged in the order of the grants, as long as
    there is room.
    """
    inputs, free_ps = cores.inputs, cores.free_ps
    places = inputs.places
    at_head = at_ps
    if places > 0:
        at_head = max(at_ps, inputs.port_ps[router])
        inputs.port_ps[router] = at_head
    for k in range(np.uint64(first), np.uint64(stop)):
        s = cores.server[k]
        taken_ps = at_head
        if places > 0:
            taken_ps = take_place(s, at_head, free_ps[s], inputs)
            inputs.port_ps[router] = max(inputs.port_ps[router], taken_ps)
        start_ps = max(taken_ps, free_ps[s])
        free_ps[s] = start_ps + cores.service_ps[k]
        if len(cores.spikes) > 0:
            free_ps[s] = start_ps + of_spikes(cores.service_ps[k], cores.spikes[packet], cores.overhead_ps)
        if n_log < len(log):
            row = log[n_log]
            row.packet, row.member, row.cycle = packet, k, cycle
            row.start_ps, row.done_ps = start_ps, free_ps[s]
            n_log += 1
    return n_log


@step
def of_spikes(service_ps: int, spikes: int, overhead_ps: int) -> int:
    """Time of a packet of several spikes, each of which takes ``service_ps`` alone; the overhead comes once."""
    return spikes * service_ps - (spikes - 1) * overhead_ps


@step
def take_place(server: int, at_head: int, free_ps: int, inputs: Inputs) -> int:
    """Time at which a packet at the head of the port gets a place in front of a server."""
    place = server * inputs.places + inputs.taken[server] % inputs.places
    taken_ps = at_head
    if inputs.taken[server] >= inputs.places:
        taken_ps = max(at_head, inputs.started[place])
        inputs.stall_ps[server] += taken_ps - at_head
    inputs.taken[server] += 1
    inputs.started[place] = max(taken_ps, free_ps)
    return taken_ps


@jit
def open_inputs(places: int, n_servers: int, port_ps: Ints, stall_ps: Ints) -> Inputs:
    """Empty inputs of ``n_servers`` cores; ``port_ps`` (per router) is set to zero, ``stall_ps`` is added to."""
    if places > 0:
        port_ps[:] = 0
    n = n_servers if places > 0 else 0
    return Inputs(places, np.zeros(n * places, np.int64), np.zeros(n, np.int64), port_ps, stall_ps)
