"""The SimResult: integer counts and integer picoseconds. It knows no picojoule (DESIGN rule 1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.steady import Steady
from simulator.engine.token_sample import Sampling

CHIP = "chip"  # the owner of what no layer owns: static power, barriers


class CountRow(NamedTuple):
    """How often one action was done for one owner; each joule is counted under one key (DESIGN rule 2).

    ``owner`` is a layer id, a stage id (encoder and network of its stream), an op id (vector work), or ``chip``.
    """

    owner: str
    component: str
    action: str
    count: int  # type: ignore[assignment]  # the ledger's word, and nobody asks a row how often it holds a value


@dataclass(frozen=True)
class Work:
    """All that was counted, as columns: what a ledger multiplies with its prices.

    Attributes
    ----------
    rows
        DataFrame ``owner, component, action, count`` (int64): `SimResult.action_counts` in program order, those of the
        chip behind them, static power last.
    names
        Each ``component.action`` once, in order of first use.
    code
        Place in ``names`` of each row, int64 [rows].
    """

    rows: pd.DataFrame
    names: tuple[str, ...]
    code: NDArray[np.int64]


@dataclass(frozen=True)
class SimResult:
    """What one simulation found.

    Attributes
    ----------
    action_counts
        One row per (owner, component, action) with a count above zero; sorted in program order.
    stages
        One row per stage, in program order, summed over tokens, int64 ps: ``stage, compute_ps, network_ps,
        transfer_ps, vector_ps, barrier_ps, total_ps``. The five times add up to the last column, that to `total_ps`.
        Tokens that are pipelined have one row, ``pipeline``, before all others: all stages work at once.
    tokens
        One row per token: ``token, phase, position, context, start_ps, end_ps, latency_ps``; the last is the time from
        from start to end.
    cores
        One row per core in use: ``core, chip, router, x, y, role, owner, rows, neurons, sram_bytes, busy_ps,
        packets_in, packets_out, synops, stall_ps`` (time in which a packet at the local port waited for
        a place in front of the core)``, word_conflicts, accumulator_conflicts`` (slots in which lanes waited for a bank
        of the synaptic memory, or of that of the accumulators, see `row_service.RowService`).
    units
        One row per core in use and unit (stage of its pipeline, `units.UNITS`): ``core, unit, busy_ps, stall_ps,
        idle_ps, wait_ps, network_ps, barrier_ps``. Busy (own work), stalled (done with its part of a packet or of an op
        that another unit still works on) and idle (without work) add up to `total_ps`. ``wait_ps`` is the part of
        ``idle_ps`` in which a stage of the program that the core takes part in was under way, ``network_ps`` and
        ``barrier_ps`` the parts of that which the network added to these stages and their barriers took (`stages`); the
        rest is for other cores or units.
    links
        One row per directed mesh link of the mesh in use: ``router, x, y, direction (+x -x +y -y), crosses_chip, flits,
        wait_cycles`` (cycles in which a flit at the head of a FIFO waited for the link), ``mean_wait_cycles`` (per
        flit), ``peak_queue`` (most flits at once in the FIFO behind it; 0 in the closed forms of the network), ``load``
        (share of the whole time in which it was busy).
    total_ps
        Time of the whole trace.
    spikes, synops, packets, packet_hops
        Totals over the trace; a hop is a router-to-router link crossing of one packet.
    markers
        Packets among these that end a timestep where no barrier does.
    n_chips, cores_total, tiles_used
        Hardware in use.
    static_ps
        Chip-picoseconds: ``total_ps`` x chips.
    warnings
        Every assumption made on the way.
    elapsed
        Seconds: ``compile_s``, ``simulate_s``.
    phase_counts
        Phase (``prefill``, ``decode``) -> the part of `action_counts` that belongs to its tokens.
    spans
        One row per stage and token in the order of time: ``stage, token, start_ps, end_ps``.
    steady
        What one more token takes while the chip is full.
    sampling
        What of the network was simulated; None: all of it.
    phase_ps
        Phase -> the part of `total_ps` in which the chip worked on its tokens.
    awake_core_ps, awake_chip_ps
        Core-picoseconds and chip-picoseconds of the cores and chips at work: a stage that uses one is under way.
    uses_dram
        Whether anything lies in the DRAM of the chips.
    """

    action_counts: tuple[CountRow, ...]
    stages: pd.DataFrame
    tokens: pd.DataFrame
    cores: pd.DataFrame
    units: pd.DataFrame
    links: pd.DataFrame
    total_ps: int
    spikes: int
    synops: int
    packets: int
    packet_hops: int
    markers: int
    n_chips: int
    cores_total: int
    tiles_used: int
    static_ps: int
    warnings: tuple[str, ...]
    elapsed: dict[str, float]
    phase_counts: dict[str, tuple[CountRow, ...]]
    phase_ps: dict[str, int]
    spans: pd.DataFrame
    steady: Steady
    sampling: Sampling | None = None
    awake_core_ps: int = 0
    awake_chip_ps: int = 0
    uses_dram: bool = False

    def work(self, static: tuple[CountRow, ...]) -> Work:
        """`action_counts` and the rows of the static power as columns, made once for all prices that they are given."""
        if static not in self._works:
            self._works[static] = self._columns(static)
        return self._works[static]

    @cached_property
    def _works(self) -> dict[tuple[CountRow, ...], Work]:
        return {}

    def _columns(self, static: tuple[CountRow, ...]) -> Work:
        counts = sorted(self.action_counts, key=lambda row: row.owner == CHIP)  # stable: program order, then the chip
        counts += static
        columns = dict(zip(CountRow._fields, zip(*counts, strict=True), strict=True))
        rows = pd.DataFrame(columns | {"count": np.array(columns["count"], dtype=np.int64)})
        names = [f"{row.component}.{row.action}" for row in counts]
        place = {name: i for i, name in enumerate(dict.fromkeys(names))}
        return Work(rows, tuple(place), np.array([place[name] for name in names], dtype=np.int64))

    def of_phase(self, phase: str) -> SimResult:
        """Counts and time of the tokens of one phase; the tables stay those of the whole run."""
        ps = self.phase_ps[phase]
        return replace(
            self,
            action_counts=self.phase_counts[phase],
            total_ps=ps,
            static_ps=ps * self.n_chips,
            awake_core_ps=self._shared_out(self.awake_core_ps, phase),
            awake_chip_ps=self._shared_out(self.awake_chip_ps, phase),
        )

    def _shared_out(self, ps: int, phase: str) -> int:
        """The part of ``ps`` that belongs to a phase by its time; whole, and the parts add up."""
        ends = np.cumsum([0, *self.phase_ps.values()]).tolist()
        at = list(self.phase_ps).index(phase)
        return ps * ends[at + 1] // self.total_ps - ps * ends[at] // self.total_ps if self.total_ps else 0
