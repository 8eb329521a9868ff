"""Cycle-accurate mesh or torus of one-virtual-channel routers, compiled: families P, N and R of docs/network_timing.md.

Only what can act is touched. A port is in the list ``active`` exactly while it can act as an output: some head that it
may choose asks and it may send, or, as a source, a packet waits and a place is free. What happens later lies in an
event wheel with one slot per cycle, and idle cycles are jumped over. So the cost is that of the flit-hops, and the
state is empty again when the last credit has returned. `reference_noc` is the same model written to be read.

A multicast flit asks every output of its node at once; the flit in the FIFO keeps those that have not granted yet.

Indices are unsigned wherever possible: numba then leaves out its test for a negative index, a fifth of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.compiled import ZERO, jit, step
from simulator.engine.kernels.core_service import hand_over
from simulator.engine.kernels.event_wheel import idle_cycles, push_event, push_flit, wheel_slot
from simulator.engine.kernels.flit import (
    HEAD,
    NODE_FIRST,
    NODE_STOP,
    SHIFT_NODE_PLACES,
    SHIFT_PACKET,
    SHIFT_WANTS,
    TAIL,
    WANTS,
    after_branch,
    after_hop,
    make_branch,
    make_flit,
    node_of,
    signed,
    steps,
)
from simulator.engine.kernels.mesh_ports import (
    ask,
    ask_all,
    book_sent,
    join_queue,
    leaving_room,
    list_active,
    more_room,
    place_of,
)
from simulator.engine.kernels.mesh_rare_events import ask_late, credit_late, wake_ports
from simulator.engine.kernels.mesh_workspace import (
    ANY_INPUT,
    ARRIVAL,
    ASK,
    BLOCKED,
    CREDIT,
    EJECT,
    FAMILY_P,
    FAMILY_R,
    FREE,
    OWNED,
    SOURCE,
    WAKE,
    MeshWorkspace,
)
from simulator.engine.kernels.network_records import Cores, LinkTotals, Log, Traffic


@jit
def simulate_mesh(traffic: Traffic, links: LinkTotals, mesh: MeshWorkspace, cores: Cores, log: Log) -> tuple[int, int]:
    """Carry packets to their routers, flit by flit; returns the cycle of the last delivery and the rows of the log.

    Without packets the cycle is -1. ``mesh`` is empty before and after. Deliveries to members are logged in the order
    of the grants, as long as there is room.
    """
    multicast = len(traffic.nodes) > 0
    size = largest_packet(traffic) if mesh.ring_x > 0 and not multicast else 1
    last = -1
    joined = ZERO
    n_active = ZERO
    n_used = ZERO
    n_log = ZERO
    t = traffic.cycle[0] if traffic.n > 0 else 0
    while True:
        # Rule 1: credits and flits due in this cycle take effect; packets join the queues of their sources.
        n_active = take_credits(t, size, mesh, n_active)
        n_active = take_flits(t, multicast, mesh, n_active)
        slot = wheel_slot(WAKE, t, mesh.wheel)
        if mesh.wheel.end[slot] > mesh.wheel.first[slot]:  # the call itself costs, and most cycles wake nothing
            n_active = wake_ports(t, mesh, n_active)
        if mesh.family == FAMILY_R:
            n_active = ask_late(t, multicast, mesh, n_active)
        while joined < traffic.n and traffic.cycle[joined] <= t:
            n_active = join_queue(joined, traffic.src[joined], traffic.delivered, mesh, n_active)
            joined += 1
        # Every active port chooses with the state at the start of the cycle; then all choices are carried out.
        n_winners = choose(mesh, n_active)
        n_active = ZERO
        for k in range(n_winners):
            o, i = mesh.winners[k] >> 3, mesh.winners[k] & 7
            out = mesh.port[o]
            if o & 7 == SOURCE:  # rule 2
                n_active = send_from_source(t, o, multicast, traffic, mesh, n_active)
                continue
            if out.pointer == 0:
                mesh.used[n_used] = o
                n_used += 1
            if mesh.family != FAMILY_P and out.allowed & OWNED == 0:  # rule 3, N and R
                n_active = own_output(o, i, mesh, n_active)
                continue
            # Rule 4: the flit leaves on the link, or to the core.
            flit = mesh.fifo[place_of((o >> 3) << 3 | i, mesh.port[(o >> 3) << 3 | i].read, mesh.ring_bits)]
            out.flits += 1
            out.wait += t
            if o & 7 == EJECT:
                if flit & TAIL:
                    last = max(last, t + out.cycles)
                    n_log = deliver(t, o, flit, traffic, mesh, cores, log, n_log)
                return_core_credit(t, o, flit, mesh, cores)
            else:
                onward = after_branch(flit, o, traffic.nodes) if multicast else after_hop(flit, o)
                push_flit(t + out.cycles, out.peer, onward, mesh.wheel)
            n_active = release_output(t, o, i, size, multicast or flit & TAIL != 0, mesh, n_active)
            n_active = release_input(t, o, i, flit, multicast, mesh, n_active)
        # On to the next cycle in which anything happens.
        t += 1
        if n_active == 0:
            idle = idle_cycles(t, joined, traffic.n, traffic.cycle, mesh.wheel)
            if idle < 0:
                break
            t += idle
    collect(n_used, links, mesh)
    return last, n_log


@step
def largest_packet(traffic: Traffic) -> int:
    """Most flits of a packet, at least 1."""
    size = 1
    for p in range(traffic.n):
        size = max(size, traffic.n_flits[p])
    return size


@step
def take_credits(t: int, size: int, mesh: MeshWorkspace, n_active: int) -> int:
    """Rule 1: book the credits due in this cycle; ``size`` is that of the packets on a torus."""
    slot = wheel_slot(CREDIT, t, mesh.wheel)
    for k in range(mesh.wheel.first[slot], mesh.wheel.end[slot]):
        o = mesh.wheel.events[k]
        out = mesh.port[o]
        if mesh.ring_x > 0:
            n_active = list_active(mesh.active, n_active, o, more_room(o, out, size))
            continue
        out.credits += 1
        n_active = list_active(mesh.active, n_active, o, (out.credits == 1) & (out.asking & out.allowed != 0))
    mesh.wheel.end[slot] = mesh.wheel.first[slot]
    return n_active


@step
def take_flits(t: int, multicast: bool, mesh: MeshWorkspace, n_active: int) -> int:
    """Rule 1: store the flits due in this cycle; one that finds its FIFO empty is the head and asks."""
    slot = wheel_slot(ARRIVAL, t, mesh.wheel)
    for k in range(mesh.wheel.first[slot], mesh.wheel.end[slot]):
        q = mesh.wheel.events[k]
        inp = mesh.port[q]
        stored = inp.stored + 1
        inp.stored = stored
        inp.peak = max(inp.peak, stored)
        flit = mesh.wheel.cargo[k]
        place = (inp.read + stored - 1) & ((1 << mesh.ring_bits) - 1)
        mesh.fifo[place_of(q, place, mesh.ring_bits)] = flit
        n_active = request(t, q, flit, stored == 1, multicast, mesh, n_active)
    mesh.wheel.end[slot] = mesh.wheel.first[slot]
    return n_active


@step
def request(t: int, q: int, flit: int, asks: bool, multicast: bool, mesh: MeshWorkspace, n_active: int) -> int:
    """The head of FIFO ``q``, visible from ``t`` on, asks for its outputs; in family R a packet a cycle later."""
    if mesh.family == FAMILY_R and asks and flit & HEAD:
        push_event(ASK, t + 1, q, mesh.wheel)
        asks = False
    if multicast:
        return ask_all(t, q, flit, asks, mesh, n_active)
    return ask(t, q, flit & 7, asks, mesh, n_active)


@step
def choose(mesh: MeshWorkspace, n_active: int) -> Any:
    """Rule 3: every active port grants to the first input at or after its pointer; returns how many there are."""
    n_winners = np.uint64(n_active)
    for k in range(n_winners):
        o = mesh.active[k]
        out = mesh.port[o]
        mesh.winners[k] = o << 3 | mesh.pick[np.uint32(out.pointer << 5 | (out.asking & out.allowed))]
    return n_winners


@step
def send_from_source(t: int, o: int, multicast: bool, traffic: Traffic, mesh: MeshWorkspace, n_active: int) -> int:
    """Rule 2: source ``o`` sends a flit of its first packet."""
    out = mesh.port[o]
    waiting = mesh.queue[o >> 3]
    packet = signed(waiting.head)
    to = traffic.dst[packet]
    tail = waiting.sent + 1 == traffic.n_flits[packet]
    if multicast:
        flit = make_branch(packet, to, tail, traffic.nodes)
    else:
        dx = steps(mesh.x[o >> 3], mesh.x[to], mesh.ring_x)
        dy = steps(mesh.y[o >> 3], mesh.y[to], mesh.ring_y)
        flit = make_flit(packet, dx, dy, waiting.sent == 0, tail)
    push_flit(t + out.cycles, out.peer, flit, mesh.wheel)
    return list_active(mesh.active, n_active, o, book_sent(out, waiting, tail, traffic.delivered[packet]))


@step
def own_output(o: int, i: int, mesh: MeshWorkspace, n_active: int) -> int:
    """Rule 3, families N and R: input ``i`` owns output ``o`` from the next cycle on."""
    out = mesh.port[o]
    out.pointer = i + 1
    out.allowed = 1 << i | OWNED
    out.credits -= FREE
    return list_active(mesh.active, n_active, o, out.credits > 0)


@step
def deliver(
    t: int, o: int, flit: int, traffic: Traffic, mesh: MeshWorkspace, cores: Cores, log: Log, n_log: int
) -> int:
    """Rule 4: the tail of a packet leaves to the cores of the router of ``o``; returns the rows of the log."""
    packet = flit >> SHIFT_PACKET
    arrival = t + mesh.port[o].cycles
    if len(traffic.nodes) > 0:
        places = node_of(flit) << SHIFT_NODE_PLACES
        first, stop = signed(traffic.nodes[places | NODE_FIRST]), signed(traffic.nodes[places | NODE_STOP])
    else:
        traffic.delivered[packet] = arrival
        serving = len(cores.server) > 0
        first = cores.member_of[packet] if serving else 0
        stop = first + serving
    return hand_over(packet, arrival, arrival * cores.cycle_ps, o >> 3, first, stop, cores, log, n_log)


@step
def return_core_credit(t: int, o: int, flit: int, mesh: MeshWorkspace, cores: Cores) -> None:
    """Rule 4: the place of a flit that has left to the cores is free again, later where a full core kept it."""
    inputs = cores.inputs
    cycles = mesh.port[o].cycles
    if inputs.places > 0 and flit & TAIL:
        credit_late(t, o, -(-inputs.port_ps[o >> 3] // cores.cycle_ps) + cycles, mesh)
    else:
        push_event(CREDIT, t + cycles + cycles, o, mesh.wheel)


@step
def release_output(t: int, o: int, i: int, size: int, free: bool, mesh: MeshWorkspace, n_active: int) -> int:
    """Rule 3: request served, one credit less, owned until the tail has passed (``free``), perhaps a pause."""
    out = mesh.port[o]
    bit = 1 << i
    out.asking &= ~bit
    out.credits -= 1
    out.allowed = ANY_INPUT if free else bit | OWNED
    if mesh.ring_x > 0 and free:
        out.allowed = leaving_room(o, out, size)
    if mesh.family == FAMILY_P:
        out.pointer = i + 1
    elif free:
        out.credits += FREE
    if out.interval > 1:
        out.credits -= BLOCKED
        push_event(WAKE, t + out.interval, o, mesh.wheel)
    return list_active(mesh.active, n_active, o, (out.asking & out.allowed != 0) & (out.credits > 0))


@step
def release_input(t: int, o: int, i: int, flit: int, multicast: bool, mesh: MeshWorkspace, n_active: int) -> int:
    """Rule 4: when all outputs have granted, the credit goes back up and the next flit is head in the next cycle."""
    q = (o >> 3) << 3 | i
    inp = mesh.port[q]
    if multicast:
        flit &= ~(1 << (SHIFT_WANTS + (o & 7)))
        mesh.fifo[place_of(q, inp.read, mesh.ring_bits)] = flit
        if flit >> SHIFT_WANTS & WANTS:
            return n_active
    push_event(CREDIT, t + inp.back, inp.peer, mesh.wheel)
    inp.read = (inp.read + 1) & ((1 << mesh.ring_bits) - 1)
    inp.stored -= 1
    flit = mesh.fifo[place_of(q, inp.read, mesh.ring_bits)]
    return request(t + 1, q, flit, inp.stored > 0, multicast, mesh, n_active)


@step
def collect(n_used: int, links: LinkTotals, mesh: MeshWorkspace) -> None:
    """Add up what the links did and put the counters back."""
    for k in range(n_used):
        o = mesh.used[k]
        out = mesh.port[o]
        link = (o >> 3) * 5 + (o & 7)
        links.flits[link] += out.flits
        links.wait[link] += out.wait
        if o & 7 < EJECT:
            behind = mesh.port[out.peer]
            mesh.peak[link] = max(mesh.peak[link], signed(behind.peak))
            behind.peak = 0
        out.flits = 0
        out.wait = 0
        out.pointer = 0
