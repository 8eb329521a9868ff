"""What a stage takes and costs under many widths at once, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.arrays import Ints
from simulator.mapper.stage_work import Floats


@dataclass(frozen=True)
class StageCost:
    """What a stage takes and costs under C candidates, for N tokens of T timesteps.

    Attributes
    ----------
    collect_ps, exchange_ps, soma_ps, reduce_ps
        float64 [C]; collect without links between chips.
    vector_ps
        float64 [C, N].
    step_ps
        float64 [C, N, T].
    energy_pj
        float64 [C]: dynamic energy of a token, network included.
    hop_pj
        float64 [C]: the part of it that links between tiles take, by estimated distance.
    barriers
        int64 [C].
    cores
        int64 [C].
    """

    collect_ps: Floats
    exchange_ps: Floats
    vector_ps: Floats
    step_ps: Floats
    soma_ps: Floats
    reduce_ps: Floats
    energy_pj: Floats
    hop_pj: Floats
    barriers: Ints
    cores: Ints

    @property
    def token_ps(self) -> Floats:
        """Time of a token without barriers, float64 [C]."""
        of_transfers = self.collect_ps + self.exchange_ps + self.soma_ps + self.reduce_ps
        total: Floats = of_transfers + self.vector_ps.mean(axis=1) + self.step_ps.sum(axis=2).mean(axis=1)
        return total
