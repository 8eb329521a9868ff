"""What all batches of a simulation share."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.engine.barrier import barrier_ps
from simulator.engine.handshake import markers
from simulator.engine.plan import StagePlan
from simulator.engine.plans import Plans
from simulator.engine.spike_steps import replay_code
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Placement
from simulator.mapping.storage import Store, stores
from simulator.trace.trace import Trace


@dataclass(frozen=True)
class Setting:
    """What all batches of a simulation share.

    Attributes
    ----------
    mapped
        What is replayed, on what, and where.
    n_timesteps
        Timesteps in which the chip replays a stream.
    barrier_ps
        Time of one barrier.
    stores
        Op -> memory of its data, where that is not behind the vector unit.
    plans
        Plans of the stages.
    cores_sample
        Tokens of each stage whose cores are simulated, for neighbours too; None: all.
    """

    mapped: Mapped
    n_timesteps: int
    barrier_ps: int
    stores: dict[str, Store]
    plans: Plans
    cores_sample: int | None = None

    @classmethod
    def of(cls, mapped: Mapped, cores_sample: int | None = None) -> Setting:
        """The setting of a trace on a chip."""
        n_timesteps = replay_code(mapped.trace.encoding, mapped.chip)[1]
        barrier = barrier_ps(mapped.chip.sync.barrier, mapped.placement.tiles_used)
        return cls(mapped, n_timesteps, barrier, stores(mapped.stored, mapped.trace), Plans(mapped), cores_sample)

    @property
    def trace(self) -> Trace:
        """What is replayed."""
        return self.mapped.trace

    @property
    def chip(self) -> ChipConfig:
        """On what."""
        return self.mapped.chip

    @property
    def placement(self) -> Placement:
        """Where."""
        return self.mapped.placement

    def markers(self, plan: StagePlan) -> Ints:
        """Markers of each home core to each segment for one token, int64 [H, S]; none with barriers."""
        return markers(plan, self.n_timesteps if self.chip.sync.kind == "handshake" else 0)
