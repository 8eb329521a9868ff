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
HEAD_SWEEPS = 8
OUTPUT, INPUT, FIFO = 0.0, 1.0, 2.0  # what is loaded, in `ClosedWorkspace.peak`


@subroutine
def port_waiting(o: int, window: int, closed: ClosedWorkspace) -> float:
    """Mean waiting for an output while it serves other inputs, or a packet before on a link slower than the last."""
    work, packets = closed.work, closed.packets
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
    for i in range(SOURCE_INPUT):
        if packets[o << 3 | i] > 0:
            share = packets[o << 3 | i] / all_packets
            rate = packets[o << 3 | i] / window * scale
            waiting += share * rate * slower(o, i, closed) / (2.0 * (1.0 - free))
    return waiting


@step
def slower(o: int, i: int, closed: ClosedWorkspace) -> float:
    """S (S - 1) of this output less that of the output before ``i``, S the cycles of a mean packet of the pair."""
    size = closed.moved[o << 3 | i] / closed.packets[o << 3 | i]
    here = busy_cycles(o, size, closed)
    before = busy_cycles(closed.port[(o >> 3) << 3 | i].peer, size, closed)
    more: float = here * (here - 1.0) - before * (before - 1.0)
    return max(0.0, more)


@step
def busy_cycles(o: int, size: float, closed: ClosedWorkspace) -> float:
    """Cycles in which a packet of ``size`` flits keeps output ``o``."""
    family = closed.family
    out = closed.port[o]
    loop = (6, 7, 8, 7)[family] + 2 * (out.cycles - LINK_CYCLES)
    channels = 4 if family == FAMILY_V else 1
    at_rate: float = size * loop / (closed.buffer_flits * channels)
    return max(size * float(out.interval), size + float((0, 1, 2, 0)[family]), at_rate)


@step
def spared(o: int, closed: ClosedWorkspace) -> float:
    """Cycles in which an output of an R router is free although a packet of the next input is coming to it."""
    if closed.family != FAMILY_R:
        return 0.0
    packets = 0
    squares = 0.0
    for i in range(INPUTS):
        packets += closed.packets[o << 3 | i]
        squares += float(closed.packets[o << 3 | i]) * closed.packets[o << 3 | i]
    return packets - squares / packets


@subroutine
def find_heads(o: int, window: int, closed: ClosedWorkspace) -> None:
    """Mean cycles that the head of each FIFO waits for an output: a turn of each other input that asks for it.

    Turns go round, so a head waits for at most one packet of each other input, however many packets queue there.
    """
    for _ in range(HEAD_SWEEPS):
        for i in range(INPUTS):
            if closed.packets[o << 3 | i] > 0:
                others = 0.0
                for j in range(INPUTS):
                    if j != i and closed.packets[o << 3 | j] > 0:
                        service = closed.work[o << 3 | j] / closed.packets[o << 3 | j]
                        others += asking(o << 3 | j, window, closed) * service
                closed.head[o << 3 | i] = others * 0.5 * (1.0 + asking(o << 3 | i, window, closed))
    closed.at_port[o] = port_waiting(o, window, closed)
    for i in range(INPUTS):
        closed.head[o << 3 | i] = min(closed.head[o << 3 | i], closed.at_port[o])


@step
def asking(pair: int, window: int, closed: ClosedWorkspace) -> float:
    """Share of time in which the head of a FIFO is a packet for this output."""
    share: float = (closed.work[pair] + closed.packets[pair] * closed.head[pair]) / window
    return min(1.0, share)


@subroutine
def fifo_waiting(pair: int, closed: ClosedWorkspace, window: int) -> float:
    """Mean waiting in a FIFO for heads that want another output."""
    router, i = pair >> 6, pair & 7
    behind = busy = 0.0
    for other in range(INPUTS):
        beside = (router << 3 | other) << 3 | i
        n = closed.packets[beside]
        if n > 0:
            head = closed.head[beside]
            busy += (closed.work[beside] + n * head) / window
            if beside != pair:
                service = closed.work[beside] / n
                behind += n / window * head * (service + max(service, head))
    return behind / max(1.0 - MOST_BUSY, 1.0 - busy)


@subroutine
def source_waiting(source: int, window: int, closed: ClosedWorkspace) -> float:
    """Mean waiting in the queue of a source and the FIFO behind it, for packets that join at any distance."""
    work = 0.0
    for o in range(INPUTS):
        work += closed.work[(source << 3 | o) << 3 | SOURCE_INPUT]
    service = work / closed.source_packets[source]
    rho = min(work / window, MOST_BUSY)
    waiting: float = rho * (service - 1.0) / (2.0 * (1.0 - rho)) + max(0.0, work - window) / 2.0
    return waiting


@subroutine
def find_peak(n_touched: int, window: int, closed: ClosedWorkspace) -> None:
    """Raise the peak to the highest load of a port, and note which one it is; find the waiting of heads first."""
    for k in range(n_touched):
        o = closed.touched[k] >> 3
        if closed.estimate and closed.at_port[o] < 0.0:
            find_heads(o, window, closed)
        load = -spared(o, closed) / window
        for i in range(INPUTS):
            load += closed.work[o << 3 | i] / window
        note_peak(load, o, OUTPUT, closed)
    for k in range(n_touched if closed.estimate else 0):
        router, i = closed.touched[k] >> 6, closed.touched[k] & 7
        load = held = 0.0
        for o in range(INPUTS):
            pair = (router << 3 | o) << 3 | i
            load += (closed.work[pair] + closed.packets[pair] * closed.head[pair]) / window
            held += 0.0 if i == SOURCE_INPUT else held_flits(pair, window, closed)
        note_peak(load, router << 3 | i, INPUT, closed)
        note_peak(held / closed.buffer_flits, router << 3 | i, FIFO, closed)


@step
def note_peak(load: float, port: int, kind: float, closed: ClosedWorkspace) -> None:
    """Keep a load, its port and what is loaded there where it is the highest so far."""
    if load > closed.peak[0]:
        closed.peak[0], closed.peak[1], closed.peak[2] = load, port, kind


@subroutine
def held_flits(pair: int, window: int, closed: ClosedWorkspace) -> float:
    """Flits of a pair that are in the FIFO of its input on average (Little): their rate times how long they stay."""
    if closed.packets[pair] == 0:
        return 0.0
    stay = fifo_waiting(pair, closed, window) + closed.at_port[pair >> 3] + closed.work[pair] / closed.packets[pair]
    held: float = closed.moved[pair] / window * stay
    return held


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
