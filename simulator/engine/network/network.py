"""The network as the engine's kernels take it: mesh, link timing, model and reusable work space."""

from __future__ import annotations

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.kernels.carry import CYCLE, CYCLE_VC, ESTIMATE, IDEAL, Links
from simulator.engine.kernels.closed_form_workspace import TICKS, closed_workspace
from simulator.engine.kernels.mesh_vc_workspace import noc_workspace_vc
from simulator.engine.kernels.mesh_workspace import ONE_VC, noc_workspace
from simulator.engine.kernels.value_transfer import run_transfer
from simulator.engine.network.links import N_PORTS, link_timing
from simulator.engine.transfer import TransferArrays
from simulator.mapping.placement import Placement


class Network:
    """The mesh of a placement on a chip, with what its flits have done so far.

    Attributes
    ----------
    flits, wait
        int64 [routers * 5]: flits that each output sent; cycles in which heads waited for it, in `wait_units` a cycle
        (in closed form, what they wait on average).
    """

    def __init__(self, placement: Placement, chip: ChipConfig) -> None:
        self._kernel = network_for_kernel(placement, chip)
        self._cycle_ps = chip.noc.cycle.value
        self.flits, self.wait = self._kernel[:2]
        self.wait_units = TICKS if self._kernel[2] in (ESTIMATE, IDEAL) else 1

    @property
    def peak_queue(self) -> Ints:
        """int64 [routers * 5]: most flits at once in the FIFO behind each link; zero in the closed forms."""
        model, one_vc, vc = self._kernel[2:5]
        if model == CYCLE:
            return one_vc.peak
        return vc.peak if model == CYCLE_VC else np.zeros_like(self.flits)

    @property
    def peak_load(self) -> float:
        """Highest share of time in which an output was busy in any step; 0 but in the closed forms."""
        return float(self._kernel[5].peak[0])

    def for_kernel(self) -> Links:
        """What the kernels take; flits and waiting add to this network's."""
        return self._kernel

    def transfer(self, arrays: TransferArrays, flits: int, times: int) -> tuple[int, Ints]:
        """Time of one transfer step in ps, and how long packets waited for a place at each receiver.

        Its traffic counts ``times`` times, for it is the same for every token.
        """
        stall_ps = np.zeros(len(arrays.receiver_router), np.int64)
        moved, waited = np.zeros_like(self.flits), np.zeros_like(self.flits)
        taken_ps = run_transfer(
            arrays.cycle,
            arrays.source,
            arrays.target_of,
            arrays.receiver_router,
            arrays.service_ps,
            self._cycle_ps,
            np.full(len(arrays.cycle), flits, np.int64),
            (moved, waited, *self._kernel[2:]),
            stall_ps,
        )
        self.flits += moved * times
        self.wait += waited * times
        return max(arrays.sent_ps, int(taken_ps)), stall_ps


def network_for_kernel(placement: Placement, chip: ChipConfig) -> Links:
    """Arrays of the chip's model of the network; those of the other models have one router."""
    noc = chip.noc
    links = (*link_timing(placement, chip), noc.topology == "torus")
    mesh = (placement.mesh_x, placement.mesh_y, noc.buffer_flits)
    cycle_vc = noc.model == "cycle" and noc.router == "V"
    cycle = noc.model == "cycle" and not cycle_vc
    model = {"estimate": ESTIMATE, "ideal": IDEAL}.get(noc.model, CYCLE_VC if cycle_vc else CYCLE)
    flits = np.zeros(placement.mesh_x * placement.mesh_y * N_PORTS, np.int64)
    one_vc = noc_workspace(*mesh, ONE_VC[noc.router], *links) if cycle else noc_workspace(1, 1, 1)
    vc = noc_workspace_vc(*mesh, *links[:2]) if cycle_vc else noc_workspace_vc(1, 1, 1)
    closed = closed_workspace(1, 1, 1) if cycle or cycle_vc else closed_workspace(*mesh, noc.router, *links)
    places = (chip.core.axon_in.fifo_packets or 0) if cycle else 0
    port_ps = np.zeros(len(flits) // N_PORTS if places else 0, np.int64)
    return flits, np.zeros_like(flits), model, one_vc, vc, closed, places, port_ps
