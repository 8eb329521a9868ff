"""The BatchResult: counts, core load and times of one batch of rounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.engine.core_load import CoreLoad
from simulator.engine.pipeline_units import UnitLoad
from simulator.engine.schedule import Batch
from simulator.engine.tally import Tally
from simulator.mapping.placement import Placement
from simulator.trace.trace import PHASES, Phase

STAGE_TIMES = ("compute_ps", "network_ps", "transfer_ps", "vector_ps", "barrier_ps")


@dataclass
class BatchResult:
    """What one batch took, summed over its R rounds but for the times.

    Attributes
    ----------
    batch
        Which.
    tally
        Phase -> its counts.
    cores, units
        Load of the cores and of the units in them.
    times
        Part of the time (`STAGE_TIMES`) -> int64 ps [R].
    spikes, synops, packet_hops, markers
        Totals.
    """

    batch: Batch
    tally: dict[Phase, Tally]
    cores: CoreLoad
    units: UnitLoad
    times: dict[str, Ints]
    spikes: int = 0
    synops: int = 0
    packet_hops: int = 0
    markers: int = 0

    @classmethod
    def idle(cls, batch: Batch, placement: Placement) -> BatchResult:
        """Nothing done yet."""
        times = dict.fromkeys(STAGE_TIMES, np.zeros(len(batch.tokens), np.int64))
        tally = {phase: Tally() for phase in PHASES}
        return cls(batch, tally, CoreLoad.idle(placement), UnitLoad.idle(placement), times)

    @property
    def n_rounds(self) -> int:
        """Rounds of the batch."""
        return len(self.batch.tokens)

    @property
    def total_ps(self) -> Ints:
        """Time of each round, int64 [R]."""
        return sum(self.times.values(), np.zeros(self.n_rounds, np.int64))

    def add_time(self, part: str, ps: Ints | int) -> None:
        """Add to one part of the time of each round."""
        self.times[part] = self.times[part] + ps
