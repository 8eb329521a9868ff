"""The closed forms of the network, compiled; `reference_noc_closed` says what they are, and the two agree to a tick."""

from __future__ import annotations

import math

import numpy as np

from simulator.arrays import Ints
from simulator.compiled import ZERO, jit
from simulator.engine.kernels.closed_form_workspace import TICK_BITS, TICKS, ClosedWorkspace
from simulator.engine.kernels.core_service import Cores, Log, deliver, keeps_nothing, serve
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
from simulator.engine.kernels.mesh_workspace import EJECT, FAMILY_N, FAMILY_R, FAMILY_V, LINK_CYCLES, Indices

INPUTS = 5
SOURCE_INPUT = 4
MOST_BUSY = 0.95


@jit
def carry_closed(
    n: int,
    cycle: Ints,
    src: Ints,
    dst: Ints,
    n_flits: Ints,
    delivered: Ints,
    link_flits: Ints,
    link_wait: Ints,
    estimate: bool,
    workspace: ClosedWorkspace,
    nodes: Indices,
    cores: Cores,
    log: Log,
) -> int:
    """Deliver ``n`` packets without (``estimate``: with the mean) waiting; returns the tick of the last delivery.

    Parameters are those of `mesh.simulate_mesh`, but ``delivered`` and ``link_wait`` are in ticks of 1/1024
    cycle. Cores serve in order of arrival; of packets that arrive together, in the order of the packets.
    """
    if n == 0:
        return -TICKS
    n_touched, n_ends = _add_loads(n, cycle, src, dst, n_flits, link_flits, workspace, nodes)
    window = cycle[n - 1] - cycle[0] + 1
    _find_peak(n_touched, window, workspace)
    end_packet, end_node, end_tick = np.empty(n_ends, np.int64), np.empty(n_ends, np.int64), np.empty(n_ends, np.int64)
    _find_arrivals(
        n, cycle, src, dst, n_flits, window, estimate, link_wait, workspace, nodes, end_packet, end_node, end_tick
    )
    last: int = end_tick.max()
    if not estimate:
        last = max(last, _busiest_port(n_touched, n, src, workspace) * TICKS)
    cycle_ps, member_of, server, service_ps, free_ps, _ = cores
    multicast, serving, plain = len(nodes) > 0, len(server) > 0, keeps_nothing(cores, log)
    n_log = ZERO
    for k in np.argsort(end_tick, kind="mergesort"):
        packet, at = end_packet[k], end_tick[k]
        if multicast:
            places = end_node[k] << SHIFT_NODE_PLACES
            first, stop = signed(nodes[places | NODE_FIRST]), signed(nodes[places | NODE_STOP])
        else:
            delivered[packet] = at
            first = member_of[packet] if serving else 0
            stop = first + serving
        at_ps = (at * cycle_ps) >> TICK_BITS
        if plain:
            serve(at_ps, first, stop, server, service_ps, free_ps)
        else:
            n_log = deliver(packet, at >> TICK_BITS, at_ps, 0, first, stop, cores, log, n_log)
    _clear(n_touched, n, src, workspace)
    return last


@jit
def _first_flit(packet: int, src: int, dst: int, workspace: ClosedWorkspace, nodes: Indices) -> int:
    """The way of a packet as it stands at the router of its source."""
    if len(nodes) > 0:
        return make_branch(packet, dst, True, nodes)
    dx = steps(workspace.x[src], workspace.x[dst], workspace.ring_x)
    dy = steps(workspace.y[src], workspace.y[dst], workspace.ring_y)
    return make_flit(packet, dx, dy, True, True)


@jit
def _wants(flit: int, multicast: bool) -> int:
    """Outputs that a packet wants, as a mask."""
    if multicast:
        return (flit >> SHIFT_WANTS) & WANTS
    return 1 << (flit & 7)


@jit
def _lowest(mask: int) -> int:
    """Lowest set bit of a mask that is not empty."""
    bit = 0
    while mask >> bit & 1 == 0:
        bit += 1
    return bit


@jit
def _hop(family: int) -> int:
    """Cycles of a hop of the router alone: P 3, N 4, R 5, V 4."""
    return LINK_CYCLES + (0, 1, 2, 1)[family]


@jit
def _busy(o: int, size: int, workspace: ClosedWorkspace) -> float:
    """Cycles in which a packet of ``size`` flits keeps output ``o``."""
    family = workspace.family
    out = workspace.port[o]
    loop = (6, 7, 8, 7)[family] + 2 * (out.cycles - LINK_CYCLES)
    channels = 4 if family == FAMILY_V else 1
    at_rate: float = size * loop / (workspace.buffer_flits * channels)
    return max(float(size * out.interval), float(size + (0, 1, 2, 0)[family]), at_rate)


@jit
def _stack(nodes: Indices) -> int:
    """Ways of a packet that can wait to be followed at once."""
    return (len(nodes) >> SHIFT_NODE_PLACES) + 8


@jit
def _add_loads(
    n: int,
    cycle: Ints,
    src: Ints,
    dst: Ints,
    n_flits: Ints,
    link_flits: Ints,
    workspace: ClosedWorkspace,
    nodes: Indices,
) -> tuple[int, int]:
    """Add every packet to the load of the ports on its way; returns (pairs touched, ends of ways)."""
    family, port = workspace.family, workspace.port
    work, packets, moved = workspace.work, workspace.packets, workspace.moved
    multicast = len(nodes) > 0
    way, place, when = (
        np.empty(_stack(nodes), np.int64),
        np.empty(_stack(nodes), np.int64),
        np.empty(_stack(nodes), np.int64),
    )
    n_touched = 0
    n_ends = 0
    for p in range(n):
        size, source = n_flits[p], src[p]
        if workspace.source_packets[source] == 0:
            workspace.source_first[source] = cycle[p]
        workspace.source_packets[source] += 1
        workspace.source_flits[source] += size
        way[0] = _first_flit(p, source, dst[p], workspace, nodes)
        place[0] = source << 3 | SOURCE_INPUT
        when[0] = cycle[p] + 2
        waiting = 1
        while waiting > 0:
            waiting -= 1
            flit, q, at = way[waiting], place[waiting], when[waiting]
            wants = _wants(flit, multicast)
            while wants:
                o = (q >> 3) << 3 | _lowest(wants)
                wants &= wants - 1
                pair = o << 3 | (q & 7)
                out = port[o]
                if packets[pair] == 0:
                    workspace.touched[n_touched] = pair
                    n_touched += 1
                packets[pair] += 1
                moved[pair] += size
                work[pair] += _busy(o, size, workspace)
                link_flits[out.link] += size
                grant = at + _hop(family) - LINK_CYCLES
                if workspace.first_grant[o] == 0 or grant < workspace.first_grant[o]:
                    workspace.first_grant[o] = grant
                if o & 7 == EJECT:
                    n_ends += 1
                else:
                    way[waiting] = after_branch(flit, o, nodes) if multicast else after_hop(flit, o)
                    place[waiting] = out.peer
                    when[waiting] = grant + out.cycles
                    waiting += 1
    return n_touched, n_ends


@jit
def _find_arrivals(
    n: int,
    cycle: Ints,
    src: Ints,
    dst: Ints,
    n_flits: Ints,
    window: int,
    estimate: bool,
    link_wait: Ints,
    workspace: ClosedWorkspace,
    nodes: Indices,
    end_packet: Ints,
    end_node: Ints,
    end_tick: Ints,
) -> None:
    """Packet, node and tick of every end of a way, packet by packet."""
    port = workspace.port
    multicast = len(nodes) > 0
    way, place, when = (
        np.empty(_stack(nodes), np.int64),
        np.empty(_stack(nodes), np.int64),
        np.empty(_stack(nodes), np.int64),
    )
    waited, tail_when = np.empty(_stack(nodes), np.float64), np.empty(_stack(nodes), np.int64)
    at_port = workspace.waiting
    n_ends = 0
    for p in range(n):
        way[0] = _first_flit(p, src[p], dst[p], workspace, nodes)
        place[0] = src[p] << 3 | SOURCE_INPUT
        when[0] = cycle[p] + 2
        waited[0] = _source_waiting(src[p], window, workspace) if estimate else 0.0
        tail_when[0] = cycle[p] + 1 + n_flits[p]
        waiting = 1
        while waiting > 0:
            waiting -= 1
            flit, q, at, wait, tail = way[waiting], place[waiting], when[waiting], waited[waiting], tail_when[waiting]
            wants = _wants(flit, multicast)
            while wants:
                o = (q >> 3) << 3 | _lowest(wants)
                wants &= wants - 1
                out = port[o]
                ahead = wait
                if estimate:
                    pair = o << 3 | (q & 7)
                    if at_port[pair] < 0:
                        at_port[pair] = _port_waiting(o, window, workspace) + _fifo_waiting(pair, window, workspace)
                    link_wait[out.link] += math.floor(at_port[pair] * TICKS + 0.5)
                    ahead = wait + at_port[pair]
                granted = at + _hop(workspace.family) - LINK_CYCLES
                tail_ahead = max(tail, granted + (n_flits[p] - 1) * signed(out.interval)) + out.cycles
                if o & 7 == EJECT:
                    end_packet[n_ends] = p
                    end_node[n_ends] = node_of(flit)
                    end_tick[n_ends] = tail_ahead * TICKS + math.floor(ahead * TICKS + 0.5)
                    n_ends += 1
                else:
                    way[waiting] = after_branch(flit, o, nodes) if multicast else after_hop(flit, o)
                    place[waiting] = out.peer
                    when[waiting] = granted + out.cycles
                    waited[waiting] = ahead
                    tail_when[waiting] = tail_ahead
                    waiting += 1


@jit
def _port_waiting(o: int, window: int, workspace: ClosedWorkspace) -> float:
    """Mean waiting for an output while it serves other inputs."""
    work, packets, moved = workspace.work, workspace.packets, workspace.moved
    all_work = most = 0.0
    all_packets = 0
    for i in range(INPUTS):
        all_work += work[o << 3 | i]
        most = max(most, work[o << 3 | i])
        all_packets += packets[o << 3 | i]
    service = all_work / all_packets
    rho = all_work / window
    scale = MOST_BUSY / rho if rho > MOST_BUSY else 1.0
    squares = 0.0
    for i in range(INPUTS):
        rho_i = work[o << 3 | i] / window * scale
        squares += rho_i * rho_i
    rho = rho * scale
    waiting = service * (rho * rho - squares) / (2.0 * rho * (1.0 - rho))
    local = packets[o << 3 | SOURCE_INPUT]
    if workspace.family != FAMILY_V and local > 0:
        size = moved[o << 3 | SOURCE_INPUT] / local
        if service > size:
            share = local / all_packets
            rate = local / window * scale
            waiting += share * rate * (service - size) * (service - size) / (2.0 * (1.0 - rho))
    return waiting + max(0.0, all_work - max(most, float(window))) / 2.0


@jit
def _fifo_waiting(pair: int, window: int, workspace: ClosedWorkspace) -> float:
    """Mean waiting in a FIFO for heads that want another output."""
    if workspace.family == FAMILY_V:
        return 0.0
    work, packets, moved = workspace.work, workspace.packets, workspace.moved
    router, i = pair >> 6, pair & 7
    behind = held = busy = 0.0
    for other in range(INPUTS):
        o = router << 3 | other
        k = packets[o << 3 | i]
        if k > 0:
            rate = k / window
            waiting = _port_waiting(o, window, workspace)
            busy += moved[o << 3 | i] / window
            held += rate * waiting
            if o << 3 | i != pair:
                service = work[o << 3 | i] / k
                behind += rate * waiting * (service + waiting)
    return behind / max(1.0 - MOST_BUSY, 1.0 - busy - held)


@jit
def _source_waiting(source: int, window: int, workspace: ClosedWorkspace) -> float:
    """Mean waiting in the queue of a source."""
    flits = workspace.source_flits[source]
    size = flits / workspace.source_packets[source]
    rho = min(flits / window, MOST_BUSY)
    waiting: float = rho * (size - 1.0) / (2.0 * (1.0 - rho)) + max(0, flits - window) / 2.0
    return waiting


@jit
def _find_peak(n_touched: int, window: int, workspace: ClosedWorkspace) -> None:
    """Raise the peak to the highest load of an output."""
    for k in range(n_touched):
        o = workspace.touched[k] >> 3
        load = 0.0
        for i in range(INPUTS):
            load += workspace.work[o << 3 | i] / window
        workspace.peak[0] = max(workspace.peak[0], load)


@jit
def _busiest_port(n_touched: int, n: int, src: Ints, workspace: ClosedWorkspace) -> int:
    """Cycle before which the last delivery cannot be, for the sake of the busiest port."""
    end = 0
    for p in range(n):
        source = src[p]
        end = max(end, workspace.source_first[source] + workspace.source_flits[source] - 1 + 2 + LINK_CYCLES)
    for k in range(n_touched):
        o = workspace.touched[k] >> 3
        out = workspace.port[o]
        flits = packets = 0
        for i in range(INPUTS):
            flits += workspace.moved[o << 3 | i]
            packets += workspace.packets[o << 3 | i]
        pauses = packets - 1 if workspace.family == FAMILY_N or workspace.family == FAMILY_R else 0
        behind = 0 if o & 7 == EJECT else LINK_CYCLES
        last_grant = workspace.first_grant[o] + max((flits - 1) * signed(out.interval), flits - 1 + pauses)
        end = max(end, last_grant + signed(out.cycles) + behind)
    return end


@jit
def _clear(n_touched: int, n: int, src: Ints, workspace: ClosedWorkspace) -> None:
    """Empty all sums."""
    for k in range(n_touched):
        pair = workspace.touched[k]
        workspace.work[pair] = 0.0
        workspace.packets[pair] = 0
        workspace.moved[pair] = 0
        workspace.waiting[pair] = -1.0
        workspace.first_grant[pair >> 3] = 0
    for p in range(n):
        workspace.source_flits[src[p]] = 0
        workspace.source_packets[src[p]] = 0
