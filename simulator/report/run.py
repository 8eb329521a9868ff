"""The Run: inputs and results of one simulation, the one argument of every table, file and figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from simulator.choices import Precision
from simulator.config.chip import ChipConfig
from simulator.energy.cmos45 import PAPER_PRECISION, Cmos45
from simulator.energy.ledger import EnergyLedger
from simulator.energy.uncertainty import Uncertainty, uncertainty
from simulator.engine.result import SimResult
from simulator.mapper.mapping_file import MappingFile
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Placement
from simulator.trace.trace import Trace
from simulator.units import PS_PER_S

if TYPE_CHECKING:
    from simulator.energy.breakeven import Bisection

Derived = TypeVar("Derived")


@dataclass(frozen=True)
class DenseTwin:
    """The same trace on a dense accelerator: every activation once, as one integer.

    Attributes
    ----------
    name
        Of its chip file.
    energy_pj, latency_ps
        Of the whole trace.
    n_tokens
        Tokens of the trace.
    time_util
        Busy over elapsed time, mean over all cores of the chips in use.
    area_mm2
        Silicon of the chips in use, or None where the chip file gives none.
    node_nm
        Of its technology.
    steady_pj, steady_ps
        Of one more token while its pipeline is full; None where tokens follow one another.
    """

    name: str
    energy_pj: float
    latency_ps: int
    n_tokens: int
    time_util: float
    area_mm2: float | None
    node_nm: float
    steady_pj: float | None = None
    steady_ps: float | None = None

    def label(self, chip: ChipConfig) -> str:
        """Its name, with both nodes where that of ``chip`` is another."""
        here = chip.technology.node_nm
        return self.name if here == self.node_nm else f"{self.name} ({self.node_nm:g} nm; the chip is {here:g} nm)"

    @property
    def energy_per_token_pj(self) -> float:
        """Mean energy of one token, pJ."""
        return self.energy_pj / self.n_tokens

    @property
    def latency_per_token_ps(self) -> float:
        """Mean time of one token, ps."""
        return self.latency_ps / self.n_tokens


@dataclass(frozen=True)
class Run:
    """One trace on one chip, simulated and priced.

    Attributes
    ----------
    mapped, result, ledger
        The records of DESIGN section 2, in their order.
    cmos45
        Precision (fp32, fp16, int8) -> 45 nm op count of the same trace.
    dense
        The dense twin, or None when it was not simulated.
    command
        Command line that made the run.
    warnings
        Assumptions made on the way, beyond those of ``result`` and ``ledger`` (see `all_warnings`).
    precision
        Of the op count that the bridge and the headlines start from.
    bisection
        Break-even with the dense twin found by further simulations, or None when it was not asked for.
    mapping
        Content of the mapping file, where the widths are not those of the chip file.
    """

    mapped: Mapped
    result: SimResult
    ledger: EnergyLedger
    cmos45: dict[str, Cmos45]
    dense: DenseTwin | None
    command: str
    warnings: tuple[str, ...]
    precision: Precision = PAPER_PRECISION
    bisection: Bisection | None = None
    mapping: MappingFile | None = None

    @property
    def chip(self) -> ChipConfig:
        """The chip."""
        return self.mapped.chip

    @property
    def trace(self) -> Trace:
        """The trace."""
        return self.mapped.trace

    @property
    def placement(self) -> Placement:
        """Which block is on which core."""
        return self.mapped.placement

    @property
    def op_count(self) -> Cmos45:
        """The 45 nm op count that the chip is compared with first."""
        return self.cmos45[self.precision]

    @cached_property
    def derived(self) -> dict[str, Any]:
        """Tables of this run that were made before, by their names (`once_per_run`)."""
        return {}

    @cached_property
    def uncertainty(self) -> Uncertainty:
        """The range of the energies over the ranges of the prices (`simulator.energy.uncertainty`)."""
        return uncertainty(self.ledger, self.chip)

    @property
    def n_tokens(self) -> int:
        """Tokens of the trace."""
        return self.trace.n_tokens

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """Warnings of the run, of the simulation and of the ledger, each once."""
        return tuple(dict.fromkeys((*self.warnings, *self.result.warnings, *self.ledger.warnings)))

    @property
    def energy_per_token_pj(self) -> float:
        """Mean energy of one token, pJ."""
        return self.ledger.total_pj / self.n_tokens

    @property
    def latency_per_token_ps(self) -> float:
        """Mean time from the start of a token to its end, ps; not the inverse of the throughput when pipelined."""
        return float(self.result.tokens["latency_ps"].mean())

    @property
    def time_per_token_ps(self) -> float:
        """Time of the whole trace over its tokens, ps: of tokens that overlap it is shorter than their latency."""
        return self.result.total_ps / self.n_tokens

    @property
    def tokens_per_s(self) -> float:
        """Throughput: tokens over the time of the whole trace."""
        return _per_time(self.n_tokens * PS_PER_S, self.result.total_ps)

    @property
    def mean_power_w(self) -> float:
        """Energy over time; 1 pJ / 1 ps = 1 W."""
        return _per_time(self.ledger.total_pj, self.result.total_ps)

    @property
    def n_activations(self) -> int:
        """Activations that were encoded, over all streams and tokens."""
        return sum(int(self.trace.live(stream.stream_id).sum()) for stream in self.trace.streams)

    @property
    def spikes_per_activation(self) -> float:
        """Spikes of the trace over activations."""
        return self.result.spikes / self.n_activations

    @property
    def firing_rate(self) -> float:
        """Spikes over activations x timesteps, in [0, 1]."""
        return self.spikes_per_activation / self.trace.encoding.n_timesteps

    @property
    def time_util_mean(self) -> float:
        """Busy over elapsed time, mean over all cores of the chips in use (idle cores count as 0)."""
        return time_util(self.result)

    @property
    def time_util_busiest(self) -> float:
        """Busy over elapsed time of the busiest core."""
        return _per_time(self.result.cores["busy_ps"].max(), self.result.total_ps)

    @property
    def busiest_core(self) -> int:
        """Core with the most busy time; the lowest number of several."""
        cores = self.result.cores
        return int(cores["core"].iloc[int(cores["busy_ps"].to_numpy().argmax())])

    @property
    def sram_used_bytes(self) -> int:
        """Synaptic memory that holds weights, over all cores."""
        return int(self.result.cores["sram_bytes"].sum())

    @property
    def sram_total_bytes(self) -> int:
        """Synaptic memory of all cores of the chips in use."""
        return self.result.cores_total * self.chip.core.sram.capacity

    @property
    def space_util(self) -> float:
        """Used over available synaptic memory of the chips in use."""
        return self.sram_used_bytes / self.sram_total_bytes


def once_per_run(derive: Callable[[Run], Derived]) -> Callable[[Run], Derived]:
    """Derive a table once for each run; every caller gets a copy, which it may change."""

    @wraps(derive)
    def kept(run: Run) -> Derived:
        if derive.__name__ not in run.derived:
            run.derived[derive.__name__] = derive(run)
        return copy(cast("Derived", run.derived[derive.__name__]))

    return kept


def time_util(result: SimResult) -> float:
    """Busy over elapsed time, mean over all cores of the chips in use (idle cores count as 0)."""
    return _per_time(result.cores["busy_ps"].sum(), result.total_ps * result.cores_total)


def _per_time(amount: float, time_ps: int) -> float:
    """``amount`` over time; NaN on a chip all of whose latencies are zero, where it means nothing."""
    return float(amount) / time_ps if time_ps else math.nan
