"""Carries packets through the network by the model that the chip uses."""

from __future__ import annotations

from typing import NamedTuple

from simulator.arrays import Ints
from simulator.compiled import ZERO, jit
from simulator.engine.kernels.closed_form import carry_closed
from simulator.engine.kernels.closed_form_workspace import TICK_BITS, ClosedWorkspace
from simulator.engine.kernels.mesh import simulate_mesh
from simulator.engine.kernels.mesh_vc import simulate_mesh_vc
from simulator.engine.kernels.mesh_vc_workspace import MeshVcWorkspace
from simulator.engine.kernels.mesh_workspace import MeshWorkspace
from simulator.engine.kernels.network_records import Cores, LinkTotals, Log, Traffic


class NetworkArrays(NamedTuple):
    """A network and its model: one of the three workspaces, the other two are None.

    Attributes
    ----------
    links
        What the links have done so far.
    mesh
        Routers with one channel, cycle by cycle.
    mesh_vc
        Routers with virtual channels, cycle by cycle.
    closed
        A closed form, with or without the mean waiting.
    places
        Places in front of a core; 0 for any number.
    port_ps
        int64 [routers]: work space of bounded cores.
    """

    links: LinkTotals
    mesh: MeshWorkspace | None
    mesh_vc: MeshVcWorkspace | None
    closed: ClosedWorkspace | None
    places: int
    port_ps: Ints


@jit
def carry(traffic: Traffic, network: NetworkArrays, cores: Cores, log: Log) -> tuple[int, int]:
    """Carry packets and have their cores serve them; returns the time of the last delivery in ps and the log's rows.

    The time is negative without packets. The closed forms count ``traffic.delivered`` and waiting in ticks.
    """
    return _carry(traffic, network.links, network.mesh, network.mesh_vc, network.closed, cores, log)


@jit
def _carry(
    traffic: Traffic,
    links: LinkTotals,
    mesh: MeshWorkspace | None,
    mesh_vc: MeshVcWorkspace | None,
    closed: ClosedWorkspace | None,
    cores: Cores,
    log: Log,
) -> tuple[int, int]:
    """The model that is there carries; numba compiles no other, for it drops a branch on an argument ``None``."""
    last_ps, n_log = ZERO, ZERO
    if mesh is not None:
        last, n_log = simulate_mesh(traffic, links, mesh, cores, log)
        last_ps = last * cores.cycle_ps
    if mesh_vc is not None:
        last, n_log = simulate_mesh_vc(traffic, links, mesh_vc, cores, log)
        last_ps = last * cores.cycle_ps
    if closed is not None:
        last, n_log = carry_closed(traffic, links, closed, cores, log)
        last_ps = (last * cores.cycle_ps) >> TICK_BITS
    return last_ps, n_log
