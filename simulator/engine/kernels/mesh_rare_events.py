"""Rare events of the network: link pauses, the extra routing cycle of family R, back-pressure from full cores."""

from __future__ import annotations

from simulator.compiled import subroutine
from simulator.engine.kernels.event_wheel import push_event, wheel_slot
from simulator.engine.kernels.mesh_ports import ask, ask_all, list_active, place_of
from simulator.engine.kernels.mesh_workspace import ASK, BLOCKED, EJECT, LATE, WAKE, MeshWorkspace


@subroutine
def ask_late(t: int, multicast: bool, mesh: MeshWorkspace, n_active: int) -> int:
    """Let the heads of packets ask that have spent their routing cycle (family R)."""
    slot = wheel_slot(ASK, t, mesh.wheel)
    for k in range(mesh.wheel.first[slot], mesh.wheel.end[slot]):
        q = mesh.wheel.events[k]
        flit = mesh.fifo[place_of(q, mesh.port[q].read, mesh.ring_bits)]
        n_active = ask_all(t, q, flit, True, mesh, n_active) if multicast else ask(t, q, flit & 7, True, mesh, n_active)
    mesh.wheel.end[slot] = mesh.wheel.first[slot]
    return n_active


@subroutine
def credit_late(t: int, o: int, due: int, mesh: MeshWorkspace) -> None:
    """Let the credit of a local port come back at ``due``, perhaps beyond the reach of the wheel.

    What is due waits in the ring of port `LATE`, in order, and one event at a time stands for the first of it.
    """
    late = (o >> 3) << 3 | LATE
    waiting = mesh.port[late]
    mesh.fifo[place_of(late, (waiting.read + waiting.stored) & ((1 << mesh.ring_bits) - 1), mesh.ring_bits)] = due
    waiting.stored += 1
    if waiting.stored == 1:
        push_event(WAKE, min(due, t + mesh.wheel.mask), late, mesh.wheel)


@subroutine
def wake_ports(t: int, mesh: MeshWorkspace, n_active: int) -> int:
    """End the pause of outputs whose interval is over, and bring credits back that took long."""
    slot = wheel_slot(WAKE, t, mesh.wheel)
    for k in range(mesh.wheel.first[slot], mesh.wheel.end[slot]):
        o = mesh.wheel.events[k]
        if o & 7 == LATE:
            n_active = _late_credits(t, o, mesh, n_active)
            continue
        out = mesh.port[o]
        idle = out.credits <= 0
        out.credits += BLOCKED
        n_active = list_active(mesh.active, n_active, o, idle & (out.credits > 0) & (out.asking & out.allowed != 0))
    mesh.wheel.end[slot] = mesh.wheel.first[slot]
    return n_active


@subroutine
def _late_credits(t: int, late: int, mesh: MeshWorkspace, n_active: int) -> int:
    """Bring back the credits of a local port that are due, and look ahead to the next."""
    waiting = mesh.port[late]
    o = (late >> 3) << 3 | EJECT
    out = mesh.port[o]
    while waiting.stored > 0:
        due = mesh.fifo[place_of(late, waiting.read, mesh.ring_bits)]
        if due > t:
            push_event(WAKE, min(due, t + mesh.wheel.mask), late, mesh.wheel)
            break
        waiting.read = (waiting.read + 1) & ((1 << mesh.ring_bits) - 1)
        waiting.stored -= 1
        out.credits += 1
        n_active = list_active(mesh.active, n_active, o, (out.credits == 1) & (out.asking & out.allowed != 0))
    return n_active
