"""Cycle-accurate mesh of routers with four virtual channels, compiled: TIMING rules for the family V.

Allocation couples the ports of a router, so a router is the unit of activity: it is in the list ``active`` exactly
while one of its outputs has a free channel that an input wants, or an input channel that can send. What happens later
lies in the event wheel. Within a router, masks name its channels ``p * 4 + vc``. `reference_noc_vc` is the same model
written to be read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.compiled import ZERO, jit, jit_merged
from simulator.engine.kernels.core_service import Cores, Log, deliver, keeps_nothing, serve
from simulator.engine.kernels.event_wheel import idle_cycles, push_event, wheel_slot
from simulator.engine.kernels.flit import SHIFT_PACKET, TAIL, after_hop, make_flit, signed
from simulator.engine.kernels.mesh_vc_workspace import NO_CHANNEL, VCS, NocWorkspaceVc
from simulator.engine.kernels.mesh_workspace import ARRIVAL, CREDIT, EJECT, SOURCE, WAKE, Indices
from simulator.engine.kernels.vc_allocation import (
    allocate_channels,
    allocate_switch,
    can_send,
    move_pointers,
    reset_pointers,
)

Records = NDArray[Any]


@jit
def simulate_mesh_vc(
    n: int,
    cycle: Ints,
    src: Ints,
    dst: Ints,
    n_flits: Ints,
    delivered: Ints,
    link_flits: Ints,
    link_wait: Ints,
    workspace: NocWorkspaceVc,
    cores: Cores,
    log: Log,
) -> int:
    """Carry ``n`` packets to their routers and return the cycle of the last delivery (-1 for no packet).

    Parameters and results are those of `mesh.simulate_mesh`, with a `noc_workspace_vc`; no multicast.
    """
    (
        ring_mask,
        wheel_mask,
        x,
        y,
        router,
        port,
        channel,
        fifo,
        wheel,
        first,
        end,
        peak,
        active,
        now,
        sources,
        used,
        pick,
    ) = workspace
    cycle_ps, member_of, server, service_ps, free_ps, _ = cores
    serving, plain = len(server) > 0, keeps_nothing(cores, log)
    last = -1
    joined = ZERO
    n_active = ZERO
    n_sources = ZERO
    n_used = ZERO
    n_log = ZERO
    t = cycle[0] if n > 0 else 0
    while True:
        # Credits and flits due in this cycle take effect; packets join the queues of their sources.
        slot = wheel_slot(CREDIT, t, wheel_mask)
        for k in range(first[slot], end[slot]):
            c = wheel[k]
            channel[c].credits += 1
            if (c >> 2) & 7 == SOURCE:
                n_sources = _list_source(c >> 5, port, sources, n_sources)
            elif channel[c].credits == 1 and channel[c].owner != NO_CHANNEL:
                owner = signed(channel[c].owner)
                can_send(c, owner, router[c >> 5], port[c >> 2], channel[c], channel[c >> 5 << 5 | owner])
                n_active = _list_router(c >> 5, router, active, n_active)
        end[slot] = first[slot]
        slot = wheel_slot(ARRIVAL, t, wheel_mask)
        for k in range(first[slot], end[slot]):
            c = wheel[k]
            channel[c].stored += 1
            if (c >> 2) & 7 < EJECT:
                _note_peak(c, port, channel, peak)
            if channel[c].stored == 1:
                _new_head(t, c, router, port, channel, fifo, link_wait)
                n_active = _list_router(c >> 5, router, active, n_active)
        end[slot] = first[slot]
        slot = wheel_slot(WAKE, t, wheel_mask)
        for k in range(first[slot], end[slot]):
            o = wheel[k]
            router[o >> 3].paused &= ~np.uint32(1 << (o & 7))
            n_active = _list_router(o >> 3, router, active, n_active)
        end[slot] = first[slot]
        while joined < n and cycle[joined] <= t:
            n_sources = _join(joined, src[joined], delivered, port, sources, n_sources)
            joined += 1

        # Each source with a flit and a credit sends one; one without a credit leaves the list until a credit comes.
        n_stay = 0
        for k in range(n_sources):
            r = sources[k]
            out = port[r << 3 | SOURCE]
            vc = _source_vc(r, out, channel)
            if vc < 0:
                out.listed = 0
                continue
            packet = int(out.queue_head)
            to = dst[packet]
            tail = out.queue_sent + 1 == n_flits[packet]
            flit = make_flit(packet, x[to] - x[r], y[to] - y[r], out.queue_sent == 0, tail)
            c = (r << 3 | EJECT) << 2 | vc
            _store(c, flit, channel, fifo, ring_mask)
            push_event(ARRIVAL, t + out.cycles, c, wheel, end, wheel_mask)
            channel[(r << 3 | SOURCE) << 2 | vc].credits -= 1
            _sent(out, vc, tail, delivered[packet])
            if out.queued:
                sources[n_stay] = r
                n_stay += 1
            else:
                out.listed = 0
        n_sources = n_stay

        # Every active router allocates its switch and its channels with the state at the start of the cycle.
        n_now = n_active
        for k in range(n_now):
            now[k] = active[k]
        n_active = ZERO
        for k in range(n_now):
            r = now[k]
            if router[r].used == 0:
                router[r].used = 1
                used[n_used] = r
                n_used += 1
            sends = allocate_switch(r, router, port, pick)
            allocating = signed(router[r].allocating)
            while allocating:
                allocate_channels(r, signed(pick[np.uint64(allocating)]), router, port, channel)
                allocating &= allocating - 1
            while sends:
                i = sends >> 6 & 7
                o = sends >> 3 & 7
                vc = sends >> 1 & 3
                sends >>= 9
                c = (r << 3 | i) << 2 | vc
                flit = fifo[channel[c].ring + channel[c].read]
                out = port[r << 3 | o]
                to_vc = signed(channel[c].output) & (VCS - 1)
                arrival = t + out.cycles
                link_flits[out.link] += 1
                link_wait[out.link] += t
                if o == EJECT:
                    if flit & TAIL:
                        packet = flit >> SHIFT_PACKET
                        delivered[packet] = arrival
                        last = max(last, arrival)
                        if serving:
                            at_ps, member = arrival * cycle_ps, member_of[packet]
                            if plain:
                                serve(at_ps, member, member + 1, server, service_ps, free_ps)
                            else:
                                n_log = deliver(packet, arrival, at_ps, r, member, member + 1, cores, log, n_log)
                    push_event(CREDIT, arrival + out.cycles, (r << 3 | o) << 2 | to_vc, wheel, end, wheel_mask)
                else:
                    _store(out.peer << 2 | to_vc, after_hop(flit, o), channel, fifo, ring_mask)
                    push_event(ARRIVAL, arrival, out.peer << 2 | to_vc, wheel, end, wheel_mask)
                if out.interval > 1:
                    router[r].paused |= 1 << o
                    push_event(WAKE, t + out.interval, r << 3 | o, wheel, end, wheel_mask)
                up = port[r << 3 | i].peer
                push_event(CREDIT, t + port[up].cycles, up << 2 | vc, wheel, end, wheel_mask)
                move_pointers(r, i, o, vc, port)
                to_channel = channel[(r << 3 | o) << 2 | to_vc]
                _pop(c & 31, o, to_vc, flit, router[r], out, to_channel, channel[c], ring_mask)
                if channel[c].stored > 0:
                    _new_head(t + 1, c, router, port, channel, fifo, link_wait)
            router[r].listed = 0
            if router[r].allocating or router[r].sending & ~router[r].paused:
                n_active = _list_router(r, router, active, n_active)

        # On to the next cycle in which anything happens.
        t += 1
        if n_active == 0 and n_sources == 0:
            idle = idle_cycles(t, joined, n, cycle, first, end, wheel_mask)
            if idle < 0:
                break
            t += idle
    for k in range(n_used):
        reset_pointers(used[k], router, port, channel)
    return last


@jit_merged
def _note_peak(c: int, port: Records, channel: Records, peak: Ints) -> None:
    """Keep the most flits that the channels of a link have held at once."""
    first = c >> 2 << 2
    stored = 0
    for vc in range(VCS):
        stored += channel[first | vc].stored
    link = port[port[c >> 2].peer].link
    peak[link] = max(peak[link], stored)


@jit_merged
def _list_router(r: int, router: Records, active: Indices, n_active: int) -> int:
    """Put router ``r`` into the list of active routers unless it is there."""
    if router[r].listed:
        return n_active
    router[r].listed = 1
    active[n_active] = r
    return n_active + 1


@jit_merged
def _list_source(r: int, port: Records, sources: Indices, n_sources: int) -> int:
    """Put source ``r`` into the list of sources that may send if it has a packet and is not there."""
    out = port[r << 3 | SOURCE]
    if out.listed or not out.queued:
        return n_sources
    out.listed = 1
    sources[n_sources] = r
    return n_sources + 1


@jit_merged
def _join(packet: int, r: int, delivered: Ints, port: Records, sources: Indices, n_sources: int) -> int:
    """Append ``packet`` to the queue of source ``r``."""
    out = port[r << 3 | SOURCE]
    delivered[packet] = -1
    if out.queued:
        delivered[out.queue_tail] = packet
    else:
        out.queued = 1
        out.queue_head = packet
        n_sources = _list_source(r, port, sources, n_sources)
    out.queue_tail = packet
    return n_sources


@jit_merged
def _source_vc(r: int, out: Any, channel: Records) -> Any:
    """Channel that source ``r`` sends its next flit on, -1 if it has no credit there.

    A new packet takes the first channel with a credit after the one used last; the rest of a packet stays on its own.
    """
    base = (r << 3 | SOURCE) << 2
    if out.queue_sent > 0:
        vc = signed(out.vc)
        return vc if channel[base + vc].credits > 0 else -1
    for k in range(1, VCS + 1):
        vc = (signed(out.vc) + k) & (VCS - 1)
        if channel[base + vc].credits > 0:
            return vc
    return -1


@jit_merged
def _sent(out: Any, vc: int, tail: bool, following: int) -> None:
    """Book a flit that a source has sent; ``following`` is the next packet of its queue."""
    out.vc = vc
    out.queue_sent += 1
    if tail:
        out.queue_sent = 0
        out.queued = following >= 0
        out.queue_head = max(following, 0)


@jit_merged
def _store(c: int, flit: int, channel: Records, fifo: Ints, ring_mask: int) -> None:
    """Write a flit behind the last one of FIFO ``c``, where its credit keeps the place; it counts once it arrives."""
    inp = channel[c]
    fifo[inp.ring + inp.write] = flit
    inp.write = (inp.write + 1) & ring_mask


@jit_merged
def _new_head(t: int, c: int, router: Records, port: Records, channel: Records, fifo: Ints, link_wait: Ints) -> None:
    """The first flit of FIFO ``c``, visible from ``t`` on, wants a channel of its output, or to go on the one held."""
    r = c >> 5
    inp = channel[c]
    o = fifo[inp.ring + inp.read] & 7
    out = port[r << 3 | o]
    link_wait[out.link] -= t
    _want(c, o, router[r], out, channel[r << 5 | signed(inp.output)], inp)


@jit_merged
def _want(c: int, o: int, here: Any, out: Any, to: Any, inp: Any) -> None:
    """The head of input channel ``c`` wants a channel of output ``o``, or to go on the one held, ``to``."""
    if inp.output != NO_CHANNEL:
        can_send(signed(inp.output), c & 31, here, out, to, inp)
    else:
        out.wanting |= 1 << (c & 31)
        if out.free:
            here.allocating |= 1 << o


@jit_merged
def _pop(c: int, o: int, w: int, flit: int, here: Any, out: Any, to: Any, inp: Any, ring_mask: int) -> None:
    """Take the sent flit out of FIFO ``c`` and a credit from channel ``w`` of output ``o``; a tail sets it free."""
    to.credits -= 1
    inp.read = (inp.read + 1) & ring_mask
    inp.stored -= 1
    if flit & TAIL:
        inp.output = NO_CHANNEL
        to.owner = NO_CHANNEL
        out.free |= 1 << w
        if out.wanting:
            here.allocating |= 1 << o
    if flit & TAIL or inp.stored == 0 or to.credits <= 0:
        out.sendable &= ~np.uint32(1 << c)
        if out.sendable == 0:
            here.sending &= ~np.uint32(1 << o)
