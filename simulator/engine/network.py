"""The network as the engine's kernels take it: mesh, link timing and reusable work space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.config.chip import ChipConfig
from simulator.engine.kernels_transfer import run_transfer
from simulator.engine.links import N_PORTS, link_timing
from simulator.engine.noc_workspace import NocWorkspace, noc_workspace
from simulator.engine.transfer import TransferArrays
from simulator.mapping.placement import Placement

Ints = NDArray[np.int64]


class Network:
    """The mesh of a placement on a chip, with what its flits have done so far.

    Attributes
    ----------
    flits, wait
        int64 [routers * 5]: flits that each output sent, and cycles in which a head waited for it.
    """

    def __init__(self, placement: Placement, chip: ChipConfig) -> None:
        extra, interval = link_timing(placement, chip)
        self._workspace = noc_workspace(
            placement.mesh_x, placement.mesh_y, chip.noc.buffer_flits, extra=extra, interval=interval
        )
        self._cycle_ps = chip.noc.cycle.value
        self.flits = np.zeros(placement.mesh_x * placement.mesh_y * N_PORTS, np.int64)
        self.wait = np.zeros_like(self.flits)

    def for_kernel(self) -> tuple[Ints, Ints, NocWorkspace]:
        """What the kernels take; flits and waiting add to this network's."""
        return self.flits, self.wait, self._workspace

    def transfer(self, arrays: TransferArrays, flits: int, times: int) -> int:
        """Time of one transfer step in ps; its traffic counts ``times`` times, for it is the same for every token."""
        moved, waited = np.zeros_like(self.flits), np.zeros_like(self.wait)
        taken_ps = run_transfer(
            arrays.cycle,
            arrays.source,
            arrays.target_of,
            arrays.receiver_router,
            arrays.service_ps,
            self._cycle_ps,
            np.full(len(arrays.cycle), flits, np.int64),
            (moved, waited, self._workspace),
        )
        self.flits += moved * times
        self.wait += waited * times
        return max(arrays.sent_ps, int(taken_ps))
