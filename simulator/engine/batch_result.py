"""What was counted, and how long a batch of rounds took."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

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
class Counted:
    """Everything that is counted over tokens.

    Attributes
    ----------
    cores, units
        Load of the cores and of the units in them.
    tally
        Phase -> its counts.
    spikes, synops, packet_hops, markers
        Totals.
    """

    cores: CoreLoad
    units: UnitLoad
    tally: dict[Phase, Tally] = field(default_factory=lambda: {phase: Tally() for phase in PHASES})
    spikes: int = 0
    synops: int = 0
    packet_hops: int = 0
    markers: int = 0

    @classmethod
    def nothing(cls, placement: Placement) -> Counted:
        """Nothing done yet."""
        return cls(CoreLoad.idle(placement), UnitLoad.idle(placement))

    @classmethod
    def beside(cls, other: Counted) -> Counted:
        """Nothing done yet, for a part at work side by side with others: all add to the loads of one."""
        return cls(other.cores, other.units)

    def add_all(self, other: Counted) -> None:
        """Add what another part of a simulation counted; a load that both share has it already."""
        for phase, tally in other.tally.items():
            self.tally[phase].add_all(tally)
        if self.cores is not other.cores:
            self.cores.add_all(other.cores)
            self.units.add_all(other.units)
        for name in [f.name for f in fields(self) if f.type == "int"]:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True)
class StageTimes:
    """What one stage takes for each of its tokens, apart from the network that it shares with other stages.

    Attributes
    ----------
    tokens
        int64 [n], ascending: those of one phase that it works on.
    step_ps
        int64 [n, runs]: time of each run of timesteps as its cores alone take it; no runs without spikes.
    vector_ps
        int64 [n]: ops.
    soma_ps
        Neuron updates of a chip that does them once per stage.
    channel_ps
        int64 [n]: time of each DRAM channel for the ops.
    bursts
        int64 [n]: DRAM bursts of streamed weights.
    cores
        int64: those that take part.
    """

    tokens: Ints
    step_ps: Ints
    vector_ps: Ints
    soma_ps: int
    channel_ps: Ints
    bursts: Ints
    cores: Ints

    def at(self, tokens: Ints) -> Ints:
        """Places of some of its tokens."""
        found: Ints = np.searchsorted(self.tokens, tokens)
        return found


@dataclass
class BatchResult:
    """How long the R rounds of a batch took.

    Attributes
    ----------
    batch
        Which.
    counted
        What the rounds counted.
    times
        Part of the time (`STAGE_TIMES`) -> int64 ps [R], as far as it is known for every round.
    sampled
        The same for rounds whose network was simulated, and 0 for the others.
    cores
        int64: those that take part.
    """

    batch: Batch
    counted: Counted
    times: dict[str, Ints]
    sampled: dict[str, Ints]
    cores: Ints

    @classmethod
    def idle(cls, batch: Batch, counted: Counted, cores: Ints) -> BatchResult:
        """Nothing done yet."""
        none = np.zeros(len(batch.tokens), np.int64)
        return cls(batch, counted, dict.fromkeys(STAGE_TIMES, none), dict.fromkeys(STAGE_TIMES, none), cores)

    @property
    def n_rounds(self) -> int:
        """Rounds of the batch."""
        return len(self.batch.tokens)
