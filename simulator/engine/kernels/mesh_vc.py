"""Cycle-accurate mesh of routers with four virtual channels, compiled: family V of docs/network_timing.md.

Allocation couples the ports of a router, so a router is the unit of activity. It is in the list ``active`` exactly
while one of its outputs has a free channel that an input needs, or while an input channel can send. Later events are in
the event wheel. Within a router, masks name its channels ``p * 4 + vc``. `reference_noc_vc` is the same model written
to be read.
"""

from __future__ import annotations

import numpy as np

from simulator.compiled import ZERO, jit, step
from simulator.engine.kernels.core_service import hand_over
from simulator.engine.kernels.event_wheel import idle_cycles, push_event, wheel_slot
from simulator.engine.kernels.flit import SHIFT_PACKET, TAIL, after_hop, signed
from simulator.engine.kernels.mesh_vc_sources import join_source, list_source, send_from_sources, store
from simulator.engine.kernels.mesh_vc_workspace import NO_CHANNEL, VCS, MeshVcWorkspace
from simulator.engine.kernels.mesh_workspace import ARRIVAL, CREDIT, EJECT, SOURCE, WAKE
from simulator.engine.kernels.network_records import Cores, LinkTotals, Log, Traffic
from simulator.engine.kernels.vc_allocation import (
    allocate_channels,
    allocate_switch,
    can_send,
    move_pointers,
    reset_pointers,
)


@jit
def simulate_mesh_vc(
    traffic: Traffic, links: LinkTotals, mesh: MeshVcWorkspace, cores: Cores, log: Log
) -> tuple[int, int]:
    """Carry packets to their routers; parameters and results are those of `mesh.simulate_mesh`, without multicast."""
    last = -1
    joined = ZERO
    n_active = ZERO
    n_sources = ZERO
    n_used = ZERO
    n_log = ZERO
    t = traffic.cycle[0] if traffic.n > 0 else 0
    while True:
        n_active, n_sources = take_credits(t, mesh, n_active, n_sources)
        n_active = take_flits(t, links, mesh, n_active)
        n_active = wake_outputs(t, mesh, n_active)
        while joined < traffic.n and traffic.cycle[joined] <= t:
            n_sources = join_source(joined, traffic.src[joined], traffic.delivered, mesh, n_sources)
            joined += 1
        n_sources = send_from_sources(t, traffic, mesh, n_sources)
        # Every active router allocates its switch and its channels with the state at the start of the cycle.
        n_now = n_active
        for k in range(n_now):
            mesh.now[k] = mesh.active[k]
        n_active = ZERO
        for k in range(n_now):
            r = mesh.now[k]
            if mesh.router[r].used == 0:
                mesh.router[r].used = 1
                mesh.used[n_used] = r
                n_used += 1
            matches = allocate(r, mesh)
            while matches:
                found, n_log = send_match(t, r, matches, traffic, links, mesh, cores, log, n_log)
                last = max(last, found)
                matches >>= 9
            n_active = stay_active(r, mesh, n_active)
        # On to the next cycle in which anything happens.
        t += 1
        if n_active == 0 and n_sources == 0:
            idle = idle_cycles(t, joined, traffic.n, traffic.cycle, mesh.wheel)
            if idle < 0:
                break
            t += idle
    for k in range(n_used):
        reset_pointers(mesh.used[k], mesh)
    return last, n_log


@step
def take_credits(t: int, mesh: MeshVcWorkspace, n_active: int, n_sources: int) -> tuple[int, int]:
    """Book the credits due in this cycle; returns the lengths of the lists of active routers and of sources."""
    slot = wheel_slot(CREDIT, t, mesh.wheel)
    for k in range(mesh.wheel.first[slot], mesh.wheel.end[slot]):
        c = mesh.wheel.events[k]
        channel = mesh.channel[c]
        channel.credits += 1
        if (c >> 2) & 7 == SOURCE:
            n_sources = list_source(c >> 5, mesh, n_sources)
        elif channel.credits == 1 and channel.owner != NO_CHANNEL:
            owner = signed(channel.owner)
            can_send(c, owner, mesh.router[c >> 5], mesh.port[c >> 2], channel, mesh.channel[c >> 5 << 5 | owner])
            n_active = list_router(c >> 5, mesh, n_active)
    mesh.wheel.end[slot] = mesh.wheel.first[slot]
    return n_active, n_sources


@step
def take_flits(t: int, links: LinkTotals, mesh: MeshVcWorkspace, n_active: int) -> int:
    """Count the flits due in this cycle, which lie in their FIFOs already."""
    slot = wheel_slot(ARRIVAL, t, mesh.wheel)
    for k in range(mesh.wheel.first[slot], mesh.wheel.end[slot]):
        c = mesh.wheel.events[k]
        mesh.channel[c].stored += 1
        if (c >> 2) & 7 < EJECT:
            note_peak(c, mesh)
        if mesh.channel[c].stored == 1:
            new_head(t, c, links, mesh)
            n_active = list_router(c >> 5, mesh, n_active)
    mesh.wheel.end[slot] = mesh.wheel.first[slot]
    return n_active


@step
def wake_outputs(t: int, mesh: MeshVcWorkspace, n_active: int) -> int:
    """End the pause of outputs whose interval is over."""
    slot = wheel_slot(WAKE, t, mesh.wheel)
    for k in range(mesh.wheel.first[slot], mesh.wheel.end[slot]):
        o = mesh.wheel.events[k]
        mesh.router[o >> 3].paused &= ~np.uint32(1 << (o & 7))
        n_active = list_router(o >> 3, mesh, n_active)
    mesh.wheel.end[slot] = mesh.wheel.first[slot]
    return n_active


@step
def allocate(r: int, mesh: MeshVcWorkspace) -> int:
    """Allocate the switch and the channels of router ``r``; returns the matches of the switch, 9 bits each."""
    matches = allocate_switch(r, mesh)
    allocating = signed(mesh.router[r].allocating)
    while allocating:
        allocate_channels(r, signed(mesh.pick[np.uint64(allocating)]), mesh)
        allocating &= allocating - 1
    return matches


@step
def send_match(
    t: int,
    r: int,
    match: int,
    traffic: Traffic,
    links: LinkTotals,
    mesh: MeshVcWorkspace,
    cores: Cores,
    log: Log,
    n_log: int,
) -> tuple[int, int]:
    """The flit of a match leaves; returns the cycle in which it delivers a packet, or -1, and the log's rows."""
    i, o, vc = match >> 6 & 7, match >> 3 & 7, match >> 1 & 3
    c = (r << 3 | i) << 2 | vc
    inp = mesh.channel[c]
    flit = mesh.fifo[inp.ring + inp.read]
    out = mesh.port[r << 3 | o]
    to_vc = signed(inp.output) & (VCS - 1)
    arrival = t + out.cycles
    found = -1
    links.flits[out.link] += 1
    links.wait[out.link] += t
    if o == EJECT:
        if flit & TAIL:
            found = arrival
            n_log = deliver(flit >> SHIFT_PACKET, arrival, r, traffic, cores, log, n_log)
        push_event(CREDIT, arrival + out.cycles, (r << 3 | o) << 2 | to_vc, mesh.wheel)
    else:
        store(out.peer << 2 | to_vc, after_hop(flit, o), mesh)
        push_event(ARRIVAL, arrival, out.peer << 2 | to_vc, mesh.wheel)
    if out.interval > 1:
        mesh.router[r].paused |= 1 << o
        push_event(WAKE, t + out.interval, r << 3 | o, mesh.wheel)
    up = mesh.port[r << 3 | i].peer
    push_event(CREDIT, t + mesh.port[up].cycles, up << 2 | vc, mesh.wheel)
    move_pointers(r, i, o, vc, mesh)
    pop(c, o, to_vc, flit, mesh)
    if inp.stored > 0:
        new_head(t + 1, c, links, mesh)
    return found, n_log


@step
def deliver(packet: int, arrival: int, r: int, traffic: Traffic, cores: Cores, log: Log, n_log: int) -> int:
    """The tail of a packet leaves to the cores of router ``r``; returns the rows of the log."""
    traffic.delivered[packet] = arrival
    if len(cores.server) == 0:
        return n_log
    member = cores.member_of[packet]
    return hand_over(packet, arrival, arrival * cores.cycle_ps, r, member, member + 1, cores, log, n_log)


@step
def stay_active(r: int, mesh: MeshVcWorkspace, n_active: int) -> int:
    """List router ``r`` for the next cycle if it can act then."""
    here = mesh.router[r]
    here.listed = 0
    if here.allocating or here.sending & ~here.paused:
        return list_router(r, mesh, n_active)
    return n_active


@step
def note_peak(c: int, mesh: MeshVcWorkspace) -> None:
    """Keep the most flits that the channels of a link have held at once."""
    first = c >> 2 << 2
    stored = 0
    for vc in range(VCS):
        stored += mesh.channel[first | vc].stored
    link = mesh.port[mesh.port[c >> 2].peer].link
    mesh.peak[link] = max(mesh.peak[link], stored)


@step
def list_router(r: int, mesh: MeshVcWorkspace, n_active: int) -> int:
    """Put router ``r`` into the list of active routers unless it is there."""
    if mesh.router[r].listed:
        return n_active
    mesh.router[r].listed = 1
    mesh.active[n_active] = r
    return n_active + 1


@step
def new_head(t: int, c: int, links: LinkTotals, mesh: MeshVcWorkspace) -> None:
    """The first flit of FIFO ``c``, visible from ``t`` on, wants a channel of its output, or to go on the one held."""
    r = c >> 5
    inp = mesh.channel[c]
    o = mesh.fifo[inp.ring + inp.read] & 7
    out = mesh.port[r << 3 | o]
    links.wait[out.link] -= t
    if inp.output != NO_CHANNEL:
        held = signed(inp.output)
        can_send(held, c & 31, mesh.router[r], out, mesh.channel[r << 5 | held], inp)
    else:
        out.wanting |= 1 << (c & 31)
        if out.free:
            mesh.router[r].allocating |= 1 << o


@step
def pop(c: int, o: int, w: int, flit: int, mesh: MeshVcWorkspace) -> None:
    """Take the sent flit out of FIFO ``c`` and a credit from channel ``w`` of output ``o``; a tail sets it free."""
    r = c >> 5
    inp, to, out = mesh.channel[c], mesh.channel[(r << 3 | o) << 2 | w], mesh.port[r << 3 | o]
    to.credits -= 1
    inp.read = (inp.read + 1) & mesh.ring_mask
    inp.stored -= 1
    if flit & TAIL:
        inp.output = NO_CHANNEL
        to.owner = NO_CHANNEL
        out.free |= 1 << w
        if out.wanting:
            mesh.router[r].allocating |= 1 << o
    if flit & TAIL or inp.stored == 0 or to.credits <= 0:
        out.sendable &= ~np.uint32(1 << (c & 31))
        if out.sendable == 0:
            mesh.router[r].sending &= ~np.uint32(1 << o)
