"""Load of the cores under way."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.mapping.placement import Placement


class CoreLoad:
    """Busy time and traffic of every core in use, int64 [blocks] each; a block's number is its core's."""

    def __init__(self, placement: Placement) -> None:
        n = len(placement.blocks)
        self._placement = placement
        self.busy_ps = np.zeros(n, np.int64)
        self.packets_in = np.zeros(n, np.int64)
        self.packets_out = np.zeros(n, np.int64)
        self.synops = np.zeros(n, np.int64)

    def frame(self, chip: ChipConfig) -> pd.DataFrame:
        """One row per core in use, see `SimResult.cores`."""
        blocks, mesh_x = self._placement.blocks, self._placement.mesh_x
        cores = np.array([b.core for b in blocks], dtype=np.int64)
        router = self._placement.core_router[cores]
        return pd.DataFrame(
            {
                "core": cores,
                "chip": cores // chip.chip.n_cores,
                "router": router,
                "x": router % mesh_x,
                "y": router // mesh_x,
                "role": [b.role for b in blocks],
                "owner": [b.owner for b in blocks],
                "rows": [b.n_rows for b in blocks],
                "neurons": [b.n_cols for b in blocks],
                "sram_bytes": [b.sram_bytes for b in blocks],
                "busy_ps": self.busy_ps,
                "packets_in": self.packets_in,
                "packets_out": self.packets_out,
                "synops": self.synops,
            }
        )
