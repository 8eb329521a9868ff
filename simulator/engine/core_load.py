"""Load of the cores under way, to which stages at work side by side add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from threading import Lock

import numpy as np
import pandas as pd

from simulator.arrays import Ints
from simulator.mapping.placement import Placement


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
    lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @classmethod
    def idle(cls, placement: Placement) -> CoreLoad:
        """Nothing done yet."""
        return cls(*(np.zeros(placement.cores_total, np.int64) for one in fields(cls) if one.init))

    def add(self, what: str, cores: Ints, amount: Ints | int) -> None:
        """Add to one of the fields at ``cores``, which may repeat."""
        with self.lock:
            np.add.at(getattr(self, what), cores, amount)

    def add_all(self, other: CoreLoad) -> None:
        """Add another load."""
        for one in fields(self):
            if one.init:
                getattr(self, one.name)[:] += getattr(other, one.name)

    def frame(self, placement: Placement) -> pd.DataFrame:
        """One row per core in use, see `SimResult.cores`."""
        core_of = np.array([block.core for block in placement.blocks], dtype=np.int64)
        cores, first, place = np.unique(core_of, return_index=True, return_inverse=True)
        sizes = [(b.n_rows, b.n_cols, b.sram_bytes) for b in placement.blocks]
        held = np.zeros((len(cores), 3), np.int64)
        np.add.at(held, place, sizes)
        router, mesh_x = placement.core_router[cores], placement.mesh_x
        return pd.DataFrame(
            {
                "core": cores,
                "chip": placement.chip_of(router),
                "router": router,
                "x": router % mesh_x,
                "y": router // mesh_x,
                "role": _joined([block.role for block in placement.blocks], first, place),
                "owner": _joined([block.owner for block in placement.blocks], first, place),
                "rows": held[:, 0],
                "neurons": held[:, 1],
                "sram_bytes": held[:, 2],
                "busy_ps": self.busy_ps[cores],
                "packets_in": self.packets_in[cores],
                "packets_out": self.packets_out[cores],
                "synops": self.synops[cores],
                "stall_ps": self.stall_ps[cores],
                "word_conflicts": self.word_conflicts[cores],
                "accumulator_conflicts": self.accumulator_conflicts[cores],
            }
        )


def _joined(names: Sequence[str], first: Ints, place: Ints) -> list[str]:
    """The different names on each core, in order: ``first`` is the first block of each, ``place`` the core of each."""
    found = [names[block] for block in first.tolist()]
    others = np.ones(len(names), np.bool_)
    others[first] = False
    shared: dict[int, dict[str, None]] = {}
    for block in np.flatnonzero(others).tolist():
        core = int(place[block])
        shared.setdefault(core, {found[core]: None})[names[block]] = None
    for core, different in shared.items():
        found[core] = "+".join(different)
    return found
