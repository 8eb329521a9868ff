"""Sources of the network with virtual channels: their queues and the flits they send (docs/network_timing.md)."""

from __future__ import annotations

from typing import Any

from simulator.arrays import Ints
from simulator.compiled import step
from simulator.engine.kernels.event_wheel import push_event
from simulator.engine.kernels.flit import make_flit, signed
from simulator.engine.kernels.mesh_vc_workspace import VCS, MeshVcWorkspace
from simulator.engine.kernels.mesh_workspace import ARRIVAL, EJECT, SOURCE
from simulator.engine.kernels.network_records import Traffic


@step
def join_source(packet: int, r: int, delivered: Ints, mesh: MeshVcWorkspace, n_sources: int) -> int:
    """Append ``packet`` to the queue of source ``r``."""
    out = mesh.port[r << 3 | SOURCE]
    delivered[packet] = -1
    if out.queued:
        delivered[out.queue_tail] = packet
    else:
        out.queued = 1
        out.queue_head = packet
        n_sources = list_source(r, mesh, n_sources)
    out.queue_tail = packet
    return n_sources


@step
def list_source(r: int, mesh: MeshVcWorkspace, n_sources: int) -> int:
    """Put source ``r`` into the list of sources that may send if it has a packet and is not there."""
    out = mesh.port[r << 3 | SOURCE]
    if out.listed or not out.queued:
        return n_sources
    out.listed = 1
    mesh.sources[n_sources] = r
    return n_sources + 1


@step
def send_from_sources(t: int, traffic: Traffic, mesh: MeshVcWorkspace, n_sources: int) -> int:
    """Each source with a flit and a credit sends one; one without a credit leaves the list until a credit comes."""
    n_stay = 0
    for k in range(n_sources):
        r = mesh.sources[k]
        out = mesh.port[r << 3 | SOURCE]
        vc = source_vc(r, out, mesh)
        if vc < 0:
            out.listed = 0
            continue
        packet = int(out.queue_head)
        to = traffic.dst[packet]
        tail = out.queue_sent + 1 == traffic.n_flits[packet]
        flit = make_flit(packet, mesh.x[to] - mesh.x[r], mesh.y[to] - mesh.y[r], out.queue_sent == 0, tail)
        c = (r << 3 | EJECT) << 2 | vc
        store(c, flit, mesh)
        push_event(ARRIVAL, t + out.cycles, c, mesh.wheel)
        mesh.channel[(r << 3 | SOURCE) << 2 | vc].credits -= 1
        book_sent(out, vc, tail, traffic.delivered[packet])
        if out.queued:
            mesh.sources[n_stay] = r
            n_stay += 1
        else:
            out.listed = 0
    return n_stay


@step
def source_vc(r: int, out: Any, mesh: MeshVcWorkspace) -> Any:
    """Channel that source ``r`` sends its next flit on, -1 if it has no credit there.

    A new packet takes the first channel with a credit after the one used last; the rest of a packet stays on its own.
    """
    base = (r << 3 | SOURCE) << 2
    if out.queue_sent > 0:
        vc = signed(out.vc)
        return vc if mesh.channel[base + vc].credits > 0 else -1
    for k in range(1, VCS + 1):
        vc = (signed(out.vc) + k) & (VCS - 1)
        if mesh.channel[base + vc].credits > 0:
            return vc
    return -1


@step
def store(c: int, flit: int, mesh: MeshVcWorkspace) -> None:
    """Write a flit behind the last one of FIFO ``c``, where its credit keeps the place; it counts once it arrives."""
    inp = mesh.channel[c]
    mesh.fifo[inp.ring + inp.write] = flit
    inp.write = (inp.write + 1) & mesh.ring_mask


@step
def book_sent(out: Any, vc: int, tail: bool, following: int) -> None:
    """Book a flit that a source has sent; ``following`` is the next packet of its queue."""
    out.vc = vc
    out.queue_sent += 1
    if tail:
        out.queue_sent = 0
        out.queued = following >= 0
        out.queue_head = max(following, 0)
