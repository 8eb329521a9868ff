"""Load of the cores under way."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from simulator.arrays import Ints
from simulator.mapping.placement import Block, Placement


@dataclass(frozen=True)
class CoreLoad:
    """Busy time, stalls, conflicts, traffic of every core of the chips in use, int64 [cores] each, by core number."""

    busy_ps: Ints
    packets_in: Ints
    packets_out: Ints
    synops: Ints
    stall_ps: Ints
    word_conflicts: Ints
    accumulator_conflicts: Ints

    @classmethod
    def idle(cls, placement: Placement) -> CoreLoad:
        """Nothing done yet."""
        return cls(*(np.zeros(placement.cores_total, np.int64) for _ in fields(cls)))

    def add(self, what: str, cores: Ints, amount: Ints | int) -> None:
        """Add to one of the fields at ``cores``, which may repeat."""
        np.add.at(getattr(self, what), cores, amount)

    def add_all(self, other: CoreLoad) -> None:
        """Add another load."""
        for field in fields(self):
            getattr(self, field.name)[:] += getattr(other, field.name)

    def frame(self, placement: Placement) -> pd.DataFrame:
        """One row per core in use, see `SimResult.cores`."""
        held: dict[int, list[Block]] = {}
        for block in placement.blocks:
            held.setdefault(block.core, []).append(block)
        held = dict(sorted(held.items()))
        cores, blocks, mesh_x = np.array(list(held), dtype=np.int64), list(held.values()), placement.mesh_x
        router = placement.core_router[cores]
        return pd.DataFrame(
            {
                "core": cores,
                "chip": placement.chip_of(router),
                "router": router,
                "x": router % mesh_x,
                "y": router // mesh_x,
                "role": ["+".join(dict.fromkeys(b.role for b in of_core)) for of_core in blocks],
                "owner": ["+".join(dict.fromkeys(b.owner for b in of_core)) for of_core in blocks],
                "rows": [sum(b.n_rows for b in of_core) for of_core in blocks],
                "neurons": [sum(b.n_cols for b in of_core) for of_core in blocks],
                "sram_bytes": [sum(b.sram_bytes for b in of_core) for of_core in blocks],
                "busy_ps": self.busy_ps[cores],
                "packets_in": self.packets_in[cores],
                "packets_out": self.packets_out[cores],
                "synops": self.synops[cores],
                "stall_ps": self.stall_ps[cores],
                "word_conflicts": self.word_conflicts[cores],
                "accumulator_conflicts": self.accumulator_conflicts[cores],
            }
        )
