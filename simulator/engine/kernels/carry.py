"""One door to all models of the network, as the kernels of the engine use them."""

from __future__ import annotations

from simulator.arrays import Ints
from simulator.compiled import jit
from simulator.engine.kernels.closed_form import carry_closed
from simulator.engine.kernels.closed_form_workspace import TICK_BITS, ClosedWorkspace
from simulator.engine.kernels.core_service import Cores, Log
from simulator.engine.kernels.mesh import simulate_mesh
from simulator.engine.kernels.mesh_vc import simulate_mesh_vc
from simulator.engine.kernels.mesh_vc_workspace import NocWorkspaceVc
from simulator.engine.kernels.mesh_workspace import Indices, NocWorkspace

CYCLE, CYCLE_VC, ESTIMATE, IDEAL = range(4)

Links = tuple[Ints, Ints, int, NocWorkspace, NocWorkspaceVc, ClosedWorkspace, int, Ints]


@jit
def carry(
    n: int,
    cycle: Ints,
    src: Ints,
    dst: Ints,
    n_flits: Ints,
    delivered: Ints,
    network: Links,
    nodes: Indices,
    cores: Cores,
    log: Log,
) -> int:
    """Carry ``n`` packets and have them served by their cores; returns the time of the last delivery in ps.

    ``network`` is (link_flits, link_wait, model, a workspace for each kind of model, places in front of a core, work
    space per router), see `network.Network`; the other parameters are those of `mesh.simulate_mesh`. The closed
    forms count waiting in ticks.
    """
    flits, wait, model, mesh, mesh_vc, closed, _, _ = network
    if model == CYCLE:
        last = simulate_mesh(n, cycle, src, dst, n_flits, delivered, flits, wait, mesh, nodes, cores, log)
        return last * cores[0]
    if model == CYCLE_VC:
        last = simulate_mesh_vc(n, cycle, src, dst, n_flits, delivered, flits, wait, mesh_vc, cores, log)
        return last * cores[0]
    estimate = model == ESTIMATE
    last = carry_closed(n, cycle, src, dst, n_flits, delivered, flits, wait, estimate, closed, nodes, cores, log)
    return (last * cores[0]) >> TICK_BITS
