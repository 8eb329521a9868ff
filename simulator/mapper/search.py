"""Separable search: one candidate for each stage, for weights of time and cores or for a target round, all at once.

The stages of a program share only the chips and the time. A weight on each of them (a Lagrange multiplier) therefore
lets every stage choose for itself, and a sweep of the weights is exact on the convex part of the front. For a pipeline
the search takes the cheapest candidate of each stage that keeps a target round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.engine.barrier import barrier_ps
from simulator.errors import CapacityError
from simulator.mapper.cost_table import NEVER, CostTable
from simulator.mapper.gated_static import Awake, static_pj, static_pj_per_ps
from simulator.mapper.objective import Objective, objective_value
from simulator.mapper.stage_cost import CostModel
from simulator.mapper.stage_work import Floats
from simulator.mapping.capacity import ceil_div
from simulator.mapping.chip_edges import first_cores
from simulator.mapping.packet_format import value_flits, value_packets

TIME_WEIGHTS = 24
CORE_WEIGHTS = 25
ROUNDS = 28
SHARED = 12  # sizes of a set of cores that stages share


@dataclass(frozen=True)
class Point:
    """One choice of a candidate for each stage, and what it comes to before it is placed.

    Attributes
    ----------
    chosen
        int64 [S]: candidate of each stage.
    energy_pj, latency_ps, interval_ps
        Of a token; the interval is that between tokens, with the part of a token in what works seldom (a head).
    n_chips, cores
        Hardware in use, whole stages packed into chips.
    """

    chosen: Ints
    energy_pj: float
    latency_ps: float
    interval_ps: float
    n_chips: int
    cores: int

    def value(self, objective: Objective) -> float:
        """What the objective minimizes."""
        return objective_value(objective, self.energy_pj, self.latency_ps, self.interval_ps)


class Search:
    """Points of a table on one chip, under one schedule."""

    def __init__(self, table: CostTable, model: CostModel, pipelined: bool) -> None:
        self.table, self.model, self.pipelined = table, model, pipelined
        self._rows = np.arange(len(table.some))
        self._often = table.share >= 0.5  # at work in a round of a full pipeline; a head for few tokens is not

    def points(self, max_chips: int) -> list[Point]:
        """Different points of at most ``max_chips`` chips, the cheapest first.

        Raises
        ------
        CapacityError
            When even the fewest cores take more chips.
        """
        ways = self._rounds() if self.pipelined else self._weights()
        choices = {chosen.tobytes(): chosen for chosen in (self._fewest(), *ways)}
        found = [point for chosen in choices.values() if (point := self.point(chosen)).n_chips <= max_chips]
        if not found:
            n_chips = self.point(self._fewest()).n_chips
            raise CapacityError(
                f"{self.model.chip.name}: the trace needs {n_chips} chips at its narrowest, limit {max_chips}"
                f" ({n_chips - max_chips} over); raise --max-chips"
            )
        return sorted(found, key=lambda point: point.energy_pj)

    def point(self, chosen: Ints) -> Point:
        """What one choice comes to."""
        table, chip = self.table, self.model.chip
        at = self._rows, chosen
        cores = table.cores[at].astype(np.int64)
        firsts = first_cores(cores.tolist(), chip.chip.n_cores, table.passed.tolist())
        n_chips = ceil_div(firsts[-1], chip.chip.n_cores)
        tiles = ceil_div(int(cores.sum()), chip.chip.cores_per_tile)
        barrier = barrier_ps(chip.sync.barrier, tiles) if chip.sync.kind == "barrier" else 0
        crossing = self._crossing_ps(firsts)
        stage_ps = (table.token_ps[at] + table.barriers[at] * barrier + crossing) * table.share
        latency = float(stage_ps.sum())
        interval = latency
        if self.pipelined:
            often = stage_ps[self._often]
            in_rounds = chip.sync.kind == "barrier"
            interval = self._round(chosen, barrier, float(crossing.max())) if in_rounds else float(often.max())
            interval += float(stage_ps[~self._often].sum())
        static = interval * n_chips * static_pj_per_ps(self.model)
        if chip.chip.gating != "none":
            under_way = stage_ps
            if self.pipelined and chip.sync.kind == "barrier":
                under_way = np.where(self._often, interval, stage_ps)
            n = chip.chip.n_cores
            chips = [range(f // n, (f + own - 1) // n + 1) for f, own in zip(firsts, cores.tolist(), strict=False)]
            static = static_pj(self.model, interval * n_chips, Awake.of(under_way, cores, chips, interval))
        energy = float(table.energy_pj[at] @ table.share) + static
        return Point(chosen, energy, latency, interval, n_chips, int(cores.sum()))

    def _crossing_ps(self, firsts: list[int]) -> Floats:
        """Time of the values that reach each stage and those behind it over a link between chips, at each border."""
        link = self.model.chip.noc.chip_link
        if link is None:
            return np.zeros(len(self._rows))
        chip_of = np.array(firsts[:-1]) // self.model.chip.chip.n_cores
        crossing = np.diff(chip_of, prepend=0) != 0
        flit_ps = link.cycles_per_flit * self.model.chip.noc.cycle.value * value_flits("collect", self.model.chip)
        taken: Floats = crossing * value_packets(self.table.passed, "collect", self.model.chip) * flit_ps
        return taken

    def _round(self, chosen: Ints, barrier: float, crossing_ps: float) -> float:
        """A full round in lockstep: the slowest stage in each of its steps; of collecting, also the busiest border."""
        table, at = self.table, (self._rows[self._often], chosen[self._often])
        parts = table.parts_ps[at].max(axis=0)
        slowest = (
            max(parts[0], crossing_ps)
            + parts[1:].sum()
            + table.vector_ps[at].max()
            + table.step_ps[at].max(axis=0).sum()
        )
        return float(slowest + (table.step_ps.shape[2] + 1) * barrier)

    def sharing(self) -> list[Ints]:
        """Choices for stages that take turns on the same cores: the fastest of each on so many cores, up to a chip."""
        table, per_chip = self.table, self.model.chip.chip.n_cores
        least = int(table.cores.min(axis=1).max())
        if least > per_chip:
            return []
        most = np.unique(np.geomspace(least, per_chip, SHARED).astype(np.int64))
        return [self._cheapest(np.where(table.cores <= n, table.token_ps, NEVER)) for n in most.tolist()]

    def _fewest(self) -> Ints:
        return self._cheapest(self.table.cores + 1e-9 * self.table.energy_pj)

    def _cheapest(self, score: Floats) -> Ints:
        chosen: Ints = np.argmin(score, axis=1).astype(np.int64)
        return chosen

    def _core_weights(self) -> list[float]:
        """Prices of a core in pJ, from none to many times the energy of a core's work."""
        least = self.table.energy_pj.min(axis=1).sum() / self.table.cores.min(axis=1).sum()
        return [0.0, *(least * np.logspace(-6, 3, CORE_WEIGHTS)).tolist()]

    def _weights(self) -> Iterator[Ints]:
        """Choices under prices of a picosecond and of a core; the last rows price time alone."""
        table, watts = self.table, static_pj_per_ps(self.model)
        least_pj, least_ps = table.energy_pj.min(axis=1).sum(), table.token_ps.min(axis=1).sum()
        weights = max(watts, 1e-6 * least_pj / least_ps) * np.logspace(-1, 4, TIME_WEIGHTS)
        share = table.share[:, None]
        for of_core in self._core_weights():
            for of_ps in weights.tolist():
                yield self._cheapest((table.energy_pj + of_ps * table.token_ps) * share + of_core * table.cores)
        for of_core in np.logspace(-8, 0, 2 * CORE_WEIGHTS) * least_ps:
            yield self._cheapest(table.token_ps * share + of_core * table.cores)

    def _rounds(self) -> Iterator[Ints]:
        """Choices that keep a target for the ops and one for the timesteps of a round, fewest cores or least energy."""
        table = self.table
        fixed = table.parts_ps.sum(axis=2) + table.vector_ps
        steps = table.step_ps.sum(axis=2)
        if self.model.chip.sync.kind == "handshake":
            fixed, steps = fixed + steps, np.where(steps < NEVER, 0.0, NEVER)
        watts, n_cores = static_pj_per_ps(self.model), self.model.chip.chip.n_cores
        seldom = ~self._often[:, None]
        on_chips = watts * ceil_div(int(table.cores.min(axis=1).sum()), n_cores)
        energy = table.energy_pj + np.where(seldom & (table.cores < NEVER), on_chips * table.token_ps, 0.0)
        energy = np.where(seldom, energy * table.share[:, None], energy)
        for most_fixed in _targets(fixed[self._often]):
            for most_steps in _targets(steps[self._often]):
                allowed = ((fixed <= most_fixed) & (steps <= most_steps)) | (seldom & (fixed < NEVER))
                if allowed.any(axis=1).all():
                    static = watts * (most_fixed + most_steps) / n_cores  # of a core in such a round
                    for of_core in (0.0, static, 1e3 * static):
                        score = energy + of_core * table.cores
                        yield self._cheapest(np.where(allowed, score, NEVER))


def _targets(times: Floats) -> list[float]:
    """Times to aim at, from the shortest that every stage can keep to the longest that any takes."""
    finite = np.where(times < NEVER, times, 0.0)
    least, most = float(times.min(axis=1).max()), float(finite.max())
    if most <= least:
        return [least]
    return [float(target) for target in np.geomspace(max(least, 1e-6 * most), most, ROUNDS)]


def front(points: list[Point]) -> list[Point]:
    """Points that no other beats in energy, time and chips, the least energy first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.energy_pj, p.interval_ps, p.n_chips)):
        if all(point.interval_ps < other.interval_ps or point.n_chips < other.n_chips for other in kept):
            kept.append(point)
    return kept
