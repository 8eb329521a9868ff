"""Loads and mean waiting times of the closed forms; `reference_noc_closed` derives them."""

from __future__ import annotations

from simulator.compiled import step, subroutine
from simulator.engine.kernels.closed_form_workspace import ClosedWorkspace
from simulator.engine.kernels.flit import signed
from simulator.engine.kernels.mesh_workspace import EJECT, FAMILY_N, FAMILY_R, FAMILY_V, LINK_CYCLES
from simulator.engine.kernels.network_records import Traffic

INPUTS = 5
SOURCE_INPUT = 4
MOST_BUSY = 0.95


@subroutine
def port_waiting(o: int, window: int, closed: ClosedWorkspace) -> float:
    """Mean waiting for an output while it serves other inputs."""
    work, packets, moved = closed.work, closed.packets, closed.moved
    all_work = 0.0
    all_packets = 0
    for i in range(INPUTS):
        all_work += work[o << 3 | i]
        all_packets += packets[o << 3 | i]
    service = all_work / all_packets
    rho = all_work / window
    free = rho - spared(o, closed) / window
    scale = MOST_BUSY / free if free > MOST_BUSY else 1.0
    squares = 0.0
    for i in range(INPUTS):
        rho_i = work[o << 3 | i] / window * scale
        squares += rho_i * rho_i
    rho = rho * scale
    free = free * scale
    waiting = service * (rho * rho - squares) / (2.0 * rho * (1.0 - free))
    local = packets[o << 3 | SOURCE_INPUT]
    if closed.family != FAMILY_V and local > 0:
        size = moved[o << 3 | SOURCE_INPUT] / local
        if service > size:
            share = local / all_packets
            rate = local / window * scale
            waiting += share * rate * (service - size) * (service - size) / (2.0 * (1.0 - free))
    return waiting


@step
def spared(o: int, closed: ClosedWorkspace) -> float:
    """Cycles in which an output of an R router is free although a packet of the next input is on its way to it."""
    if closed.family != FAMILY_R:
        return 0.0
    packets = 0
    squares = 0.0
    for i in range(INPUTS):
        packets += closed.packets[o << 3 | i]
        squares += float(closed.packets[o << 3 | i]) * closed.packets[o << 3 | i]
    return packets - squares / packets


@subroutine
def fifo_waiting(pair: int, window: int, closed: ClosedWorkspace) -> float:
    """Mean waiting in a FIFO for heads that want another output."""
    if closed.family == FAMILY_V:
        return 0.0
    work, packets, moved = closed.work, closed.packets, closed.moved
    router, i = pair >> 6, pair & 7
    behind = held = busy = 0.0
    for other in range(INPUTS):
        o = router << 3 | other
        k = packets[o << 3 | i]
        if k > 0:
            rate = k / window
            waiting = port_waiting(o, window, closed)
            busy += moved[o << 3 | i] / window
            held += rate * waiting
            if o << 3 | i != pair:
                service = work[o << 3 | i] / k
                behind += rate * waiting * (service + waiting)
    return behind / max(1.0 - MOST_BUSY, 1.0 - busy - held)


@subroutine
def source_waiting(source: int, window: int, closed: ClosedWorkspace) -> float:
    """Mean waiting in the queue of a source."""
    flits = closed.source_flits[source]
    size = flits / closed.source_packets[source]
    rho = min(flits / window, MOST_BUSY)
    waiting: float = rho * (size - 1.0) / (2.0 * (1.0 - rho)) + max(0, flits - window) / 2.0
    return waiting


@subroutine
def find_peak(n_touched: int, window: int, closed: ClosedWorkspace) -> None:
    """Raise the peak to the highest load of an output, and note which one it is."""
    for k in range(n_touched):
        o = closed.touched[k] >> 3
        load = -spared(o, closed) / window
        for i in range(INPUTS):
            load += closed.work[o << 3 | i] / window
        if load > closed.peak[0]:
            closed.peak[0], closed.peak[1] = load, o


@subroutine
def busiest_port(n_touched: int, traffic: Traffic, closed: ClosedWorkspace) -> int:
    """Cycle before which the last delivery cannot be, for the sake of the busiest port."""
    end = 0
    for p in range(traffic.n):
        source = traffic.src[p]
        end = max(end, closed.source_first[source] + closed.source_flits[source] - 1 + 2 + LINK_CYCLES)
    for k in range(n_touched):
        o = closed.touched[k] >> 3
        out = closed.port[o]
        flits = packets = 0
        for i in range(INPUTS):
            flits += closed.moved[o << 3 | i]
            packets += closed.packets[o << 3 | i]
        pauses = packets - 1 if closed.family == FAMILY_N or closed.family == FAMILY_R else 0
        behind = 0 if o & 7 == EJECT else LINK_CYCLES
        last_grant = closed.first_grant[o] + max((flits - 1) * signed(out.interval), flits - 1 + pauses)
        end = max(end, last_grant + signed(out.cycles) + behind)
    return end
