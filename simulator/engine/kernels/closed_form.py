"""The closed forms of the network, compiled; `reference_noc_closed` says what they are, and the two agree to a tick."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from simulator.arrays import F64, Ints
from simulator.compiled import ZERO, jit, step, subroutine
from simulator.engine.kernels.closed_form_waiting import (
    SOURCE_INPUT,
    busiest_port,
    busy_cycles,
    fifo_waiting,
    find_peak,
    source_waiting,
)
from simulator.engine.kernels.closed_form_workspace import TICK_BITS, TICKS, ClosedWorkspace
from simulator.engine.kernels.core_service import hand_over
from simulator.engine.kernels.flit import (
    NODE_FIRST,
    NODE_STOP,
    SHIFT_NODE_PLACES,
    SHIFT_WANTS,
    WANTS,
    after_branch,
    after_hop,
    make_branch,
    make_flit,
    node_of,
    signed,
    steps,
)
from simulator.engine.kernels.mesh_workspace import EJECT, LINK_CYCLES
from simulator.engine.kernels.network_records import Cores, LinkTotals, Log, Traffic


class Branches(NamedTuple):
    """Branches of a packet that wait to be followed, a stack.

    Attributes
    ----------
    flit, port
        What comes to which input.
    cycle
        When its head comes if nothing waits.
    waited
        Mean cycles that it has waited so far.
    tail_cycle
        When its tail comes if nothing waits.
    """

    flit: Ints
    port: Ints
    cycle: Ints
    waited: F64
    tail_cycle: Ints


class Ends(NamedTuple):
    """Ends of all packets at the routers of their members: packet, node of its tree, tick of the delivery."""

    packet: Ints
    node: Ints
    tick: Ints


@jit
def carry_closed(
    traffic: Traffic, links: LinkTotals, closed: ClosedWorkspace, cores: Cores, log: Log
) -> tuple[int, int]:
    """Deliver packets without (``estimate``: with the mean) waiting; returns the tick of the last delivery and the log.

    Parameters are those of `mesh.simulate_mesh`, but ``delivered`` and the waiting of ``links`` are in ticks of 1/1024
    cycle. Cores serve in order of arrival; of packets that arrive together, in the order of the packets.
    """
    if traffic.n == 0:
        return -TICKS, ZERO
    branches = empty_branches((len(traffic.nodes) >> SHIFT_NODE_PLACES) + 8)
    n_touched, n_ends = add_loads(traffic, links, closed, branches)
    window = traffic.cycle[traffic.n - 1] - traffic.cycle[0] + 1
    find_peak(n_touched, window, closed)
    ends = Ends(np.empty(n_ends, np.int64), np.empty(n_ends, np.int64), np.empty(n_ends, np.int64))
    find_arrivals(traffic, window, links, closed, branches, ends)
    last = max(ends.tick.max(), busiest_port(n_touched, traffic, closed) * TICKS)
    n_log = serve_ends(np.argsort(ends.tick, kind="mergesort"), traffic, ends, cores, log)
    clear(n_touched, traffic, closed)
    return last, n_log


@jit
def empty_branches(depth: int) -> Branches:
    """Room for so many branches at once."""
    flit, port, cycle = np.empty(depth, np.int64), np.empty(depth, np.int64), np.empty(depth, np.int64)
    return Branches(flit, port, cycle, np.empty(depth, np.float64), np.empty(depth, np.int64))


@subroutine
def add_loads(traffic: Traffic, links: LinkTotals, closed: ClosedWorkspace, branches: Branches) -> tuple[int, int]:
    """Add every packet to the load of the ports on its path; returns (pairs touched, ends of paths)."""
    multicast = len(traffic.nodes) > 0
    n_touched = 0
    n_ends = 0
    for p in range(traffic.n):
        size, source = traffic.n_flits[p], traffic.src[p]
        add_source(p, source, traffic, closed)
        n_waiting = start_packet(p, 0.0, traffic, closed, branches)
        while n_waiting > 0:
            n_waiting -= 1
            flit, q, at = branches.flit[n_waiting], branches.port[n_waiting], branches.cycle[n_waiting]
            wants = wanted_outputs(flit, multicast)
            while wants:
                o = (q >> 3) << 3 | lowest_bit(wants)
                wants &= wants - 1
                n_touched = add_load(o, o << 3 | (q & 7), size, closed, n_touched)
                links.flits[closed.port[o].link] += size
                grant = at + hop_cycles(closed.family) - LINK_CYCLES
                if closed.first_grant[o] == 0 or grant < closed.first_grant[o]:
                    closed.first_grant[o] = grant
                if o & 7 == EJECT:
                    n_ends += 1
                else:
                    branches.flit[n_waiting] = after_branch(flit, o, traffic.nodes) if multicast else after_hop(flit, o)
                    branches.port[n_waiting] = closed.port[o].peer
                    branches.cycle[n_waiting] = grant + closed.port[o].cycles
                    n_waiting += 1
    return n_touched, n_ends


@subroutine
def find_arrivals(
    traffic: Traffic, window: int, links: LinkTotals, closed: ClosedWorkspace, branches: Branches, ends: Ends
) -> None:
    """Packet, node and tick of every end of a path, packet by packet."""
    multicast = len(traffic.nodes) > 0
    n_ends = 0
    for p in range(traffic.n):
        waited = source_waiting(traffic.src[p], window, closed) if closed.estimate else 0.0
        n_waiting = start_packet(p, waited, traffic, closed, branches)
        while n_waiting > 0:
            n_waiting -= 1
            flit, q, at = branches.flit[n_waiting], branches.port[n_waiting], branches.cycle[n_waiting]
            waited, tail_at = branches.waited[n_waiting], branches.tail_cycle[n_waiting]
            wants = wanted_outputs(flit, multicast)
            while wants:
                o = (q >> 3) << 3 | lowest_bit(wants)
                wants &= wants - 1
                out = closed.port[o]
                ahead = waited
                if closed.estimate:
                    ahead = waited + wait_for(o, o << 3 | (q & 7), window, links, closed)
                granted = at + hop_cycles(closed.family) - LINK_CYCLES
                tail = max(tail_at, granted + (traffic.n_flits[p] - 1) * signed(out.interval)) + out.cycles
                if o & 7 == EJECT:
                    ends.packet[n_ends], ends.node[n_ends] = p, node_of(flit)
                    ends.tick[n_ends] = tail * TICKS + math.floor(ahead * TICKS + 0.5)
                    n_ends += 1
                else:
                    branches.flit[n_waiting] = after_branch(flit, o, traffic.nodes) if multicast else after_hop(flit, o)
                    branches.port[n_waiting] = out.peer
                    branches.cycle[n_waiting] = granted + out.cycles
                    branches.waited[n_waiting], branches.tail_cycle[n_waiting] = ahead, tail
                    n_waiting += 1


@step
def start_packet(p: int, waited: float, traffic: Traffic, closed: ClosedWorkspace, branches: Branches) -> int:
    """Put packet ``p`` on the stack as it stands at the router of its source; returns the branches there."""
    source, to = traffic.src[p], traffic.dst[p]
    if len(traffic.nodes) > 0:
        branches.flit[0] = make_branch(p, to, True, traffic.nodes)
    else:
        dx = steps(closed.x[source], closed.x[to], closed.ring_x)
        dy = steps(closed.y[source], closed.y[to], closed.ring_y)
        branches.flit[0] = make_flit(p, dx, dy, True, True)
    branches.port[0] = source << 3 | SOURCE_INPUT
    branches.cycle[0] = traffic.cycle[p] + 2
    branches.waited[0] = waited
    branches.tail_cycle[0] = traffic.cycle[p] + 1 + traffic.n_flits[p]
    return 1


@step
def add_source(p: int, source: int, traffic: Traffic, closed: ClosedWorkspace) -> None:
    """Add packet ``p`` to what its source sends."""
    if closed.source_packets[source] == 0:
        closed.source_first[source] = traffic.cycle[p]
    closed.source_packets[source] += 1
    closed.source_flits[source] += traffic.n_flits[p]


@step
def add_load(o: int, pair: int, size: int, closed: ClosedWorkspace, n_touched: int) -> int:
    """Add a packet of ``size`` flits to a pair of ports; returns how many pairs are in use."""
    if closed.packets[pair] == 0:
        closed.touched[n_touched] = pair
        n_touched += 1
    closed.packets[pair] += 1
    closed.moved[pair] += size
    closed.work[pair] += busy_cycles(o, float(size), closed)
    return n_touched


@step
def wait_for(o: int, pair: int, window: int, links: LinkTotals, closed: ClosedWorkspace) -> float:
    """Mean cycles that a packet waits for output ``o``, found once for each pair of ports."""
    if closed.waiting[pair] < 0:
        closed.waiting[pair] = closed.at_port[o] + fifo_waiting(pair, closed, window)
    links.wait[closed.port[o].link] += math.floor(closed.waiting[pair] * TICKS + 0.5)
    waiting: float = closed.waiting[pair]
    return waiting


@step
def wanted_outputs(flit: int, multicast: bool) -> int:
    """Outputs that a packet wants, as a mask."""
    if multicast:
        return (flit >> SHIFT_WANTS) & WANTS
    return 1 << (flit & 7)


@step
def lowest_bit(mask: int) -> int:
    """Lowest set bit of a mask that is not empty."""
    bit = 0
    while mask >> bit & 1 == 0:
        bit += 1
    return bit


@step
def hop_cycles(family: int) -> int:
    """Cycles of a hop of the router alone: P 3, N 4, R 5, V 4."""
    return LINK_CYCLES + (0, 1, 2, 1)[family]


@subroutine
def serve_ends(order: Any, traffic: Traffic, ends: Ends, cores: Cores, log: Log) -> int:
    """Hand every packet to its cores in the given order; returns the rows of the log."""
    n_log = ZERO
    for k in order:
        packet, at = ends.packet[k], ends.tick[k]
        if len(traffic.nodes) > 0:
            places = ends.node[k] << SHIFT_NODE_PLACES
            first, stop = signed(traffic.nodes[places | NODE_FIRST]), signed(traffic.nodes[places | NODE_STOP])
        else:
            traffic.delivered[packet] = at
            serving = len(cores.server) > 0
            first = cores.member_of[packet] if serving else 0
            stop = first + serving
        n_log = hand_over(
            packet, at >> TICK_BITS, (at * cores.cycle_ps) >> TICK_BITS, 0, first, stop, cores, log, n_log
        )
    return n_log


@step
def clear(n_touched: int, traffic: Traffic, closed: ClosedWorkspace) -> None:
    """Empty all sums."""
    for k in range(n_touched):
        pair = closed.touched[k]
        closed.work[pair] = 0.0
        closed.packets[pair] = 0
        closed.moved[pair] = 0
        closed.waiting[pair] = -1.0
        closed.head[pair] = 0.0
        closed.at_port[pair >> 3] = -1.0
        closed.first_grant[pair >> 3] = 0
    for p in range(traffic.n):
        closed.source_flits[traffic.src[p]] = 0
        closed.source_packets[traffic.src[p]] = 0
