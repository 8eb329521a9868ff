"""Cycle-accurate mesh or torus of one-virtual-channel routers, compiled: TIMING rules for the families P, N and R.

Only what can act is touched. A port is in the list ``active`` exactly while it can act as an output: some head that it
may choose asks and it may send, or, as a source, a packet waits and a place is free. What happens later lies in an
event wheel with one slot per cycle, and idle cycles are jumped over. So the cost is that of the flit-hops, and the
state is empty again when the last credit is home. `reference_noc` is the same model written to be read.

A multicast flit asks every output of its node at once; the flit in the FIFO keeps those that have not granted yet.

Indices are unsigned wherever possible: numba then leaves out its test for a negative index, a fifth of the time.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.compiled import ZERO, jit
from simulator.engine.kernels.core_service import Cores, Log, deliver, keeps_nothing, serve
from simulator.engine.kernels.event_wheel import (
    idle_cycles,
    push_event,
    push_flit,
    wheel_slot,
)
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
from simulator.engine.kernels.mesh_rare_events import (
    ask_late,
    credit_late,
    wake_ports,
)
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
    Indices,
    NocWorkspace,
)


@jit
def simulate_mesh(
    n: int,
    cycle: Ints,
    src: Ints,
    dst: Ints,
    n_flits: Ints,
    delivered: Ints,
    link_flits: Ints,
    link_wait: Ints,
    workspace: NocWorkspace,
    nodes: Indices,
    cores: Cores,
    log: Log,
) -> int:
    """Carry ``n`` packets to their routers and return the cycle of the last delivery (-1 for no packet).

    Parameters
    ----------
    n
        Packets; the arrays may be longer.
    cycle, src, dst, n_flits
        Cycle each packet joins the queue of its source (ascending; array order is queue order), routers, flits (>= 1).
        For multicast packets ``dst`` is the root of their tree in ``nodes``.
    delivered
        Out: cycle in which the tail of each packet is delivered (of a multicast packet: work space only). Until a
        packet leaves its source this array holds the links of the source queues.
    link_flits, link_wait
        Added to, at ``router * 5 + output``: flits sent; cycles that heads wanting this output have asked in vain.
    workspace
        `noc_workspace` of this mesh; empty before and after.
    nodes
        The table of `trees`; of no length: each packet goes to one router.
    cores
        (cycle_ps, member of each packet (not used for multicast), server of each member, its ps for a packet, when each
        server is free: in and out, inputs, see `core_service.deliver`). Without members nothing is served.
    log
        Out: a row of `core_service.LOG_FIELDS` for each delivery to a member, in the order of the grants, as long as
        there is room; the rest of the first column is left alone.
    """
    (
        family,
        ring_bits,
        wheel_mask,
        x,
        y,
        ring_x,
        ring_y,
        port,
        queue,
        fifo,
        cargo,
        wheel,
        first,
        end,
        peak,
        active,
        winners,
        used,
        pick,
    ) = workspace
    ring_mask = (1 << ring_bits) - 1
    last = -1
    joined = ZERO
    n_active = ZERO
    n_used = ZERO
    n_log = ZERO
    multicast = len(nodes) > 0
    torus, size = ring_x > 0, 1
    if torus and not multicast:
        for p in range(n):
            size = max(size, n_flits[p])
    cycle_ps, member_of, server, service_ps, free_ps, inputs = cores
    serving, plain = len(server) > 0, keeps_nothing(cores, log)
    bounded, port_ps = inputs[0] > 0, inputs[3]
    t = cycle[0] if n > 0 else 0
    while True:
        # Credits and flits due in this cycle take effect; packets join the queues of their sources.
        slot = wheel_slot(CREDIT, t, wheel_mask)
        for k in range(first[slot], end[slot]):
            o = wheel[k]
            out = port[o]
            if torus:
                n_active = list_active(active, n_active, o, more_room(o, out, size))
                continue
            out.credits += 1
            n_active = list_active(active, n_active, o, (out.credits == 1) & (out.asking & out.allowed != 0))
        end[slot] = first[slot]
        slot = wheel_slot(ARRIVAL, t, wheel_mask)
        for k in range(first[slot], end[slot]):
            q = wheel[k]
            inp = port[q]
            stored = inp.stored + 1
            inp.stored = stored
            inp.peak = max(inp.peak, stored)
            flit = cargo[k]
            fifo[place_of(q, (inp.read + stored - 1) & ring_mask, ring_bits)] = flit
            asks = stored == 1
            if family == FAMILY_R and asks and flit & HEAD:
                push_event(ASK, t + 1, q, wheel, end, wheel_mask)
                asks = False
            if multicast:
                n_active = ask_all(t, q, flit, asks, port, active, n_active, pick)
            else:
                n_active = ask(t, q, flit & 7, asks, port, active, n_active)
        end[slot] = first[slot]
        slot = wheel_slot(WAKE, t, wheel_mask)
        if end[slot] > first[slot]:  # the call itself costs, and most cycles wake nothing
            n_active = wake_ports(t, port, fifo, ring_bits, wheel, first, end, active, n_active, wheel_mask)
        if family == FAMILY_R:
            n_active = ask_late(
                t, multicast, port, fifo, ring_bits, wheel, first, end, active, n_active, wheel_mask, pick
            )
        while joined < n and cycle[joined] <= t:
            n_active = join_queue(joined, src[joined], delivered, port, queue, active, n_active)
            joined += 1

        # Every active port chooses with the state at the start of the cycle; then all choices are carried out.
        n_winners = np.uint64(n_active)
        for k in range(n_winners):
            o = active[k]
            out = port[o]
            winners[k] = o << 3 | pick[np.uint32(out.pointer << 5 | (out.asking & out.allowed))]
        n_active = ZERO
        for k in range(n_winners):
            o = winners[k] >> 3
            i = winners[k] & 7
            out = port[o]
            if o & 7 == SOURCE:
                waiting = queue[o >> 3]
                packet = signed(waiting.head)
                to = dst[packet]
                tail = waiting.sent + 1 == n_flits[packet]
                if multicast:
                    flit = make_branch(packet, to, tail, nodes)
                else:
                    dx, dy = steps(x[o >> 3], x[to], ring_x), steps(y[o >> 3], y[to], ring_y)
                    flit = make_flit(packet, dx, dy, waiting.sent == 0, tail)
                push_flit(t + out.cycles, out.peer, flit, cargo, wheel, end, wheel_mask)
                n_active = list_active(active, n_active, o, book_sent(out, waiting, tail, delivered[packet]))
                continue
            if out.pointer == 0:
                used[n_used] = o
                n_used += 1
            if family != FAMILY_P and out.allowed & OWNED == 0:
                out.pointer = i + 1
                out.allowed = 1 << i | OWNED
                out.credits -= FREE
                n_active = list_active(active, n_active, o, out.credits > 0)
                continue

            # The flit leaves on the link, or to the core.
            q = (o >> 3) << 3 | i
            inp = port[q]
            flit = fifo[place_of(q, inp.read, ring_bits)]
            out.flits += 1
            out.wait += t
            arrival = t + out.cycles
            if o & 7 == EJECT:
                if flit & TAIL:
                    packet = flit >> SHIFT_PACKET
                    last = max(last, arrival)
                    if multicast:
                        places = node_of(flit) << SHIFT_NODE_PLACES
                        members, stop = signed(nodes[places | NODE_FIRST]), signed(nodes[places | NODE_STOP])
                    else:
                        delivered[packet] = arrival
                        members = member_of[packet] if serving else 0
                        stop = members + serving
                    if plain:
                        serve(arrival * cycle_ps, members, stop, server, service_ps, free_ps)
                    else:
                        n_log = deliver(packet, arrival, arrival * cycle_ps, o >> 3, members, stop, cores, log, n_log)
                if bounded and flit & TAIL:
                    taken = -(-port_ps[o >> 3] // cycle_ps)
                    credit_late(t, o, taken + out.cycles, port, fifo, ring_bits, wheel, end, wheel_mask)
                else:
                    push_event(CREDIT, arrival + out.cycles, o, wheel, end, wheel_mask)
            else:
                onward = after_branch(flit, o, nodes) if multicast else after_hop(flit, o)
                push_flit(arrival, out.peer, onward, cargo, wheel, end, wheel_mask)

            # The output: request served, one credit less, owned until the tail has passed, perhaps a pause.
            bit = 1 << i
            out.asking &= ~bit
            free = multicast or flit & TAIL != 0
            out.credits -= 1
            out.allowed = ANY_INPUT if free else bit | OWNED
            if torus and free:
                out.allowed = leaving_room(o, out, size)
            if family == FAMILY_P:
                out.pointer = i + 1
            elif free:
                out.credits += FREE
            if out.interval > 1:
                out.credits -= BLOCKED
                push_event(WAKE, t + out.interval, o, wheel, end, wheel_mask)
            n_active = list_active(active, n_active, o, (out.asking & out.allowed != 0) & (out.credits > 0))

            # The input: when all outputs have granted, the credit goes back up, and the next flit becomes head in the
            # next cycle.
            if multicast:
                flit &= ~(1 << (SHIFT_WANTS + (o & 7)))
                fifo[place_of(q, inp.read, ring_bits)] = flit
                if flit >> SHIFT_WANTS & WANTS:
                    continue
            push_event(CREDIT, t + inp.back, inp.peer, wheel, end, wheel_mask)
            inp.read = (inp.read + 1) & ring_mask
            inp.stored -= 1
            flit = fifo[place_of(q, inp.read, ring_bits)]
            asks = inp.stored > 0
            if family == FAMILY_R and asks and flit & HEAD:
                push_event(ASK, t + 2, q, wheel, end, wheel_mask)
                asks = False
            if multicast:
                n_active = ask_all(t + 1, q, flit, asks, port, active, n_active, pick)
            else:
                n_active = ask(t + 1, q, flit & 7, asks, port, active, n_active)

        # On to the next cycle in which anything happens.
        t += 1
        if n_active == 0:
            idle = idle_cycles(t, joined, n, cycle, first, end, wheel_mask)
            if idle < 0:
                break
            t += idle
    for k in range(n_used):
        o = used[k]
        out = port[o]
        link = (o >> 3) * 5 + (o & 7)
        link_flits[link] += out.flits
        link_wait[link] += out.wait
        if o & 7 < EJECT:
            behind = port[out.peer]
            peak[link] = max(peak[link], signed(behind.peak))
            behind.peak = 0
        out.flits = 0
        out.wait = 0
        out.pointer = 0
    return last
