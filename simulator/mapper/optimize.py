"""The mapper: widths of a program for an objective, checked with the engine, and what each choice is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.errors import CapacityError, SpikewattError
from simulator.mapper.cost_table import cost_table
from simulator.mapper.estimate import Estimate, estimate, trace_total
from simulator.mapper.mapping_file import MappingFile, ScheduleKind, mapping_of
from simulator.mapper.objective import Objective, objective_value
from simulator.mapper.point_widths import uniform, widths_of
from simulator.mapper.search import Point, Search, front
from simulator.mapper.stage_cost import CostModel
from simulator.mapper.stage_work import StageWork, stage_works
from simulator.mapping.mapped import Mapped
from simulator.mapping.place import map_trace
from simulator.mapping.storage import fits_at, stores
from simulator.mapping.widths import Widths
from simulator.trace.trace import DECODE, Trace

SAMPLE_TOKENS = 512  # of the closed form at most
CHECKED_TOKENS = 8  # of the engine
PLACED_POINTS = 8  # points that are placed before the best is chosen
IDEAL_POINTS = 3  # of these, checked with the network model ideal
MAX_CHIPS = 64
CLAIM = 0.1  # largest difference between closed form and engine, relative

Progress = Callable[[str], None]
Planned = Literal["sequential", "pipelined"]


@dataclass(frozen=True)
class Placed:
    """Widths of a program where they stand, with their closed form; None are the chip file's own."""

    widths: Widths | None
    mapped: Mapped
    closed: Estimate

    def value(self, objective: Objective) -> float:
        """What the objective minimizes."""
        closed = self.closed
        return objective_value(objective, closed.prompt_pj, closed.latency_ps, closed.interval_ps + closed.seldom_ps)


@dataclass(frozen=True)
class Checked:
    """Closed form and engine compared, for the same ``n_tokens`` tokens: pJ and ps of all of them."""

    model: str
    n_tokens: int
    closed_pj: float
    closed_ps: float
    engine_pj: float
    engine_ps: float

    @property
    def difference(self) -> float:
        """The larger relative difference of energy and time."""
        return max(abs(self.closed_pj / self.engine_pj - 1), abs(self.closed_ps / self.engine_ps - 1))

    @property
    def holds(self) -> bool:
        """Whether the closed form is close enough to speak for the engine."""
        return self.difference <= CLAIM


@dataclass(frozen=True)
class Optimized:
    """What the mapper found.

    Attributes
    ----------
    objective, schedule
        What for.
    best, own
        The chosen mapping, and that of the chip file; the same where the latter is not beaten.
    front
        Points that no other beats in energy, time and chips, as searched, before they are placed.
    checked
        The chosen mapping in the engine: with the network model ideal and with cycle; empty where not asked for.
    without
        What is left out -> the estimate without it; empty where not asked for, or where the closed form is refused.
    candidates
        Candidates of all stages that were costed.
    kind
        `schedule.kind` of the chip, of which ``schedule`` is what most tokens follow.
    own_trace_pj
        Energy of the whole trace under the chip file's own mapping, filling and draining of a pipeline included, pJ.
    """

    objective: Objective
    schedule: Planned
    best: Placed
    own: Placed
    front: tuple[Point, ...]
    checked: tuple[Checked, ...]
    without: tuple[tuple[str, Estimate], ...]
    candidates: int
    kind: ScheduleKind
    own_trace_pj: float

    @property
    def refused(self) -> bool:
        """Whether cycle found the closed form of the chosen mapping wrong, so that none of its figures count."""
        return bool(self.checked) and not self.checked[-1].holds

    @property
    def mapping(self) -> MappingFile:
        """The chosen widths as a file; none where the chip file's own mapping stays."""
        return mapping_of(self.best.widths or Widths(), self.objective, self.kind)


def fixed_by(chip: ChipConfig) -> str | None:
    """The key of a chip file that decides its widths or lets blocks share cores, so that the mapper has no say."""
    mapping = chip.mapping
    if mapping.weights == "streamed":
        return "mapping.weights"
    if mapping.share_cores:
        return "mapping.share_cores"
    return "mapping.strategy" if "strategy" in mapping.model_fields_set else None


def schedule_of(chip: ChipConfig, trace: Trace) -> Planned:
    """Schedule that the mapper plans for: that of the chip; ``auto`` pipelines prompts, and batches that fill it."""
    if chip.schedule.kind in ("sequential", "pipelined"):
        return chip.schedule.kind
    mostly_decoded = bool((trace.phases == DECODE).mean() > 0.5)
    filled = 2 * chip.schedule.batch > len(trace.stages)  # by the texts of a batch
    return "sequential" if mostly_decoded and not filled else "pipelined"


def evenly(n_whole: int, n: int) -> Ints:
    """``n`` of ``n_whole`` tokens, the middle one of each of as many equal parts; all where there are no more."""
    n = min(n, n_whole)
    return (2 * np.arange(n, dtype=np.int64) + 1) * n_whole // (2 * n)


def sampled(trace: Trace, n_tokens: int) -> Trace:
    """``n_tokens`` of the trace in a row, from its middle."""
    if trace.n_tokens <= n_tokens:
        return trace
    first = (trace.n_tokens - n_tokens) // 2
    return trace.take(slice(first, first + n_tokens))


class Mapper:
    """Search, placement and checks for one chip, trace and objective."""

    def __init__(self, chip: ChipConfig, trace: Trace, objective: Objective, progress: Progress | None = None) -> None:
        if chip.mapping.weights == "streamed" or chip.mapping.share_cores:
            key = "weights=resident" if chip.mapping.weights == "streamed" else "share_cores=false"
            raise SpikewattError(f"{chip.name}: the mapper gives each block a core; set mapping.{key}")
        self.chip, self.trace, self.objective = chip, trace, objective
        self.schedule = schedule_of(chip, trace)
        self.model = CostModel(chip)
        self._say = progress or (lambda text: None)

    def run(self, max_chips: int, check: bool) -> Optimized:
        """Find the mapping; see `optimize`."""
        own_mapped = map_trace(self.trace, self.chip)
        whole = own_mapped.trace
        sample = whole.take(evenly(whole.n_tokens, SAMPLE_TOKENS))
        fits = fits_at(own_mapped.stored, whole, self.chip)
        works = stage_works(sample, self.chip, stores(own_mapped.stored, whole), whole, fits)
        self.model.uses_dram = own_mapped.uses_dram
        own = self._placed(None, own_mapped, works)
        self._say("costs of all candidates")
        search, points = self._searched(works, own_mapped, max_chips)
        self._say(f"placing the best of {len(points)} mappings")
        ranked = sorted(self._candidates(points, search, works, max_chips), key=lambda p: p.value(self.objective))
        if check:
            ranked = self._by_ideal(ranked)
        best = ranked[0] if ranked and ranked[0].value(self.objective) < own.value(self.objective) else own
        checked = tuple(self._check(best.widths, network) for network in ("ideal", "cycle")) if check else ()
        if check and best is not own and not self._beats_own(checked[-1]):
            best, checked = own, tuple(self._check(None, network) for network in ("ideal", "cycle"))
        without = tuple(self._without(best, own, works)) if check and checked[-1].holds else ()
        found = tuple(front(points)), checked, without, search.table.size
        own_pj = trace_total(own.mapped, works, self.model, self.schedule == "pipelined")[1]
        return Optimized(self.objective, self.schedule, best, own, *found, self.chip.schedule.kind, own_pj)

    def _searched(self, works: list[StageWork], own: Mapped, max_chips: int) -> tuple[Search, list[Point]]:
        """A search and its points; with data in DRAM once more, for the channels of the chips of the best point."""
        pipelined, channels = self.schedule == "pipelined", own.placement.n_chips
        while True:
            search = Search(cost_table(works, self.model, own, pipelined, channels), self.model, pipelined)
            points = search.points(max_chips)
            n_chips = min(points, key=lambda p: p.value(self.objective)).n_chips
            if not own.uses_dram or n_chips == channels or channels != own.placement.n_chips:
                return search, points
            channels = n_chips

    def _placed(self, widths: Widths | None, mapped: Mapped, works: list[StageWork]) -> Placed:
        return Placed(widths, mapped, estimate(mapped, works, self.model, self.schedule == "pipelined"))

    def _candidates(
        self, points: list[Point], search: Search, works: list[StageWork], max_chips: int
    ) -> Iterator[Placed]:
        """The best points as placed; those that the memory of a core or the chips do not hold are left out.

        Stages that take turns may share cores besides.
        """
        best = sorted(points, key=lambda p: (p.value(self.objective), p.energy_pj))[:PLACED_POINTS]
        tried = [widths_of(point.chosen, search.table, works) for point in best]
        if self.schedule == "sequential" and self.chip.schedule.kind != "pipelined":
            alone = [widths_of(chosen, search.table, works) for chosen in search.sharing()]
            tried += [replace(widths, share_cores=True) for widths in alone]
        for widths in tried:
            try:
                mapped = map_trace(self.trace, self.chip, widths)
            except CapacityError:
                continue
            if mapped.placement.n_chips <= max_chips:
                yield self._placed(widths, mapped, works)

    def _by_ideal(self, ranked: list[Placed]) -> list[Placed]:
        """The first few in the order that the engine gives them without contention."""
        if len(ranked) < 2:
            return ranked
        found = []
        for place, placed in enumerate(ranked[:IDEAL_POINTS]):
            checked = self._check(placed.widths, "ideal")
            scale = objective_value(self.objective, checked.engine_pj, checked.engine_ps, checked.engine_ps)
            found.append((scale, place, placed))
        return [placed for _, _, placed in sorted(found, key=lambda entry: entry[:2])]

    def _check(self, widths: Widths | None, network: Literal["ideal", "cycle"]) -> Checked:
        """Closed form and engine on the same few tokens."""
        self._say(f"checking with the network model {network}")
        some = sampled(self.trace, CHECKED_TOKENS)
        noc = self.chip.noc.model_copy(update={"model": network})
        schedule = self.chip.schedule.model_copy(update={"kind": self.schedule})
        chip = self.chip.model_copy(update={"noc": noc, "schedule": schedule})
        mapped = map_trace(some, chip, widths)
        works = stage_works(mapped.trace, chip, stores(mapped.stored, some))
        closed_ps, closed_pj = trace_total(
            mapped, works, CostModel(chip, mapped.uses_dram), self.schedule == "pipelined"
        )
        result = replay(mapped)
        energy_pj = build_ledger(result, chip, True).total_pj
        return Checked(network, some.n_tokens, closed_pj, closed_ps, energy_pj, float(result.total_ps))

    def _beats_own(self, checked: Checked) -> bool:
        """Whether the engine finds the mapping better than the chip file's own."""
        own = self._check(None, "cycle")
        found, before = (
            objective_value(self.objective, one.engine_pj, one.engine_ps, one.engine_ps) for one in (checked, own)
        )
        return found <= before

    def _without(self, best: Placed, own: Placed, works: list[StageWork]) -> Iterator[tuple[str, Estimate]]:
        """What the mapping would cost without each of its choices."""
        if best.widths is None:
            return
        pipelined = self.schedule == "pipelined"
        fewer = {
            "home cores of its own for each stage": replace(best.widths, homes={}),
            "cuts of its own for each layer": replace(best.widths, cuts={}),
            "different widths for each stage of a kind": uniform(best.widths),
        }
        for what, widths in fewer.items():
            try:
                yield what, estimate(map_trace(self.trace, self.chip, widths), works, self.model, pipelined)
            except CapacityError:
                continue
        other = "a pipeline" if pipelined else "tokens one after another"
        yield other, estimate(best.mapped, works, self.model, not pipelined)
        yield "the mapper: as the chip file says", own.closed


def optimize(
    chip: ChipConfig,
    trace: Trace,
    objective: Objective = "energy",
    max_chips: int | None = None,
    check: bool = True,
    progress: Progress | None = None,
) -> Optimized:
    """Widths of ``trace`` on ``chip`` for an objective, never worse than the chip file's own.

    Parameters
    ----------
    chip, trace, objective
        What is mapped where, and what the mapping minimizes: pJ of a token, its latency, pJ x ps, or the time between
        two tokens.
    max_chips
        Chips at most; None: as many as the chip file allows, but no more than `MAX_CHIPS` unless it takes more itself.
    check
        Check the best few with the engine: network model ideal, and cycle for the chosen one. Estimate what it costs to
        do without each choice.
    progress
        Called with what is under way.

    Raises
    ------
    CapacityError
        When the trace does not fit.
    SpikewattError
        When the chip shares cores or streams its weights.
    """
    mapper = Mapper(chip, trace, objective, progress)
    own_chips = map_trace(trace, chip).placement.n_chips
    most = min(chip.chip.max_chips, max(MAX_CHIPS, own_chips)) if max_chips is None else max_chips
    return mapper.run(min(most, chip.chip.max_chips), check)
