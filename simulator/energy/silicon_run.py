"""Replays the points of a measurement, and what they make of each published part."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np

from simulator.config import load_chip
from simulator.config.chip import ChipConfig
from simulator.config.provenance import Delay, Grade
from simulator.energy.ledger import EnergyLedger, build_ledger
from simulator.energy.prices import chip_prices
from simulator.energy.silicon_case import DIMENSION, Part, Point, SiliconCase
from simulator.energy.silicon_trace import events_trace
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.mapping.mapped import Mapped
from simulator.mapping.place import map_trace, place_blocks
from simulator.mapping.placement import Block
from simulator.units import UNITS

DRIFT_POINTS = 2.0  # per cent of the measured number: a part that moved more than that has drifted


@dataclass(frozen=True)
class Outcome:
    """One point of a case, replayed.

    Attributes
    ----------
    case, point
        What was measured.
    chip
        The chip file with the settings of both.
    result, ledger
        Of the replay; None where the point compares prices alone.
    """

    case: SiliconCase
    point: Point
    chip: ChipConfig
    result: SimResult | None
    ledger: EnergyLedger | None

    @property
    def name(self) -> str:
        """Case and point in one line."""
        return f"{self.case.name}, {self.point.name}"

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Every part by its name."""
        parts = self.point.parts
        return {name: Verdict(part, _simulated(self, part), _grade(self, part)) for name, part in parts.items()}


@dataclass(frozen=True)
class Verdict:
    """A published part, what the simulator makes of it in the same unit, and the grade of what that rests on."""

    part: Part
    simulated: float
    grade: str

    @property
    def error(self) -> float:
        """Relative error."""
        return self.simulated / self.part.measured - 1

    @property
    def drift(self) -> float:
        """How far the error is from the recorded one, in points of a per cent."""
        return 100 * self.error - self.part.recorded

    @property
    def drifted(self) -> bool:
        """Whether the recorded table no longer holds."""
        return abs(self.drift) > DRIFT_POINTS

    @property
    def met(self) -> bool | None:
        """Whether the error is within the target; None without one."""
        return None if self.part.target is None else 100 * abs(self.error) <= self.part.target


def run_point(case: SiliconCase, point: Point) -> Outcome:
    """Simulate and price one point."""
    # parts of a chip, and chips with more cores to a tile, stand for the measured whole
    asked = [f"{s.path}={s.value}" for s in (*case.settings, *point.settings)]
    in_order = [] if any(text.startswith("schedule.") for text in asked) else ["schedule.kind=sequential"]
    settings = [*in_order, *asked, "chip.static_fixed=true"]
    chip = load_chip(case.chip, settings)
    if case.density is not None:
        chip = load_chip(case.chip, [*settings, *_skipping(case.density.value, chip)])
    if case.events is None:
        return Outcome(case, point, chip, None, None)
    events = case.events.model_validate({**case.events.model_dump(), **point.events})
    result = replay(_mapped(map_trace(events_trace(events), chip), case))
    return Outcome(case, point, chip, result, build_ledger(result, chip))


def run_case(case: SiliconCase, on_request: bool = False) -> tuple[Outcome, ...]:
    """All points of a case; those that take minutes only ``on_request``."""
    return tuple(run_point(case, point) for point in case.points if on_request or not point.on_request)


def _skipping(density: float, chip: ChipConfig) -> list[str]:
    """Settings by which a synop costs and takes its share of one that is done: zero weights cost and take nothing."""
    synop = chip.core.synapse.synop
    bounds = {"value": synop.energy.value, "low": synop.energy.low, "high": synop.energy.high}
    energies = [f"core.synapse.synop.energy.{k}={v * density!r} pJ" for k, v in bounds.items() if v is not None]
    return [*energies, f"core.synapse.synop.latency.value={round(synop.latency.value * density)} ps"]


def _mapped(mapped: Mapped, case: SiliconCase) -> Mapped:
    """The mapping of the chip file, with groups of stages on chips of their own or cores at random routers."""
    if case.stages_on_chip is not None:
        blocks = _grouped(mapped, case.stages_on_chip)
        mapped = Mapped.at(mapped.trace, mapped.chip, place_blocks(mapped.trace, blocks, mapped.chip))
    if case.spread is None:
        return mapped
    shuffled = np.random.Generator(np.random.PCG64(case.spread)).permutation(mapped.placement.core_router)
    return replace(mapped, placement=replace(mapped.placement, core_router=shuffled))


def _grouped(mapped: Mapped, n_stages: int) -> tuple[Block, ...]:
    """The blocks with every ``n_stages`` stages on cores of a new chip."""
    place = {stage.stage_id: i // n_stages for i, stage in enumerate(mapped.trace.stages)}
    used: dict[int, dict[int, int]] = {}
    blocks = []
    for block in mapped.placement.blocks:
        group = place[mapped.trace.stage_of[block.owner].stage_id]
        cores = used.setdefault(group, {})
        on_chip = cores.setdefault(block.core, len(cores))
        blocks.append(replace(block, core=group * mapped.chip.chip.n_cores + on_chip))
    return tuple(blocks)


def _simulated(outcome: Outcome, part: Part) -> float:
    """The quantity of a part in its unit."""
    inside = _QUANTITIES[part.what](outcome, part)
    dimension = DIMENSION.get(part.what)
    return inside / float(UNITS[dimension][part.unit]) if dimension else inside


def _dynamic_pj(outcome: Outcome, part: Part) -> float:
    return part.times * sum(_kept(outcome, part).values())


def _kept(outcome: Outcome, part: Part) -> dict[str, float]:
    """Grade -> energy in pJ of the rows that a part covers, without static power."""
    assert outcome.ledger is not None
    rows = outcome.ledger.rows
    by_grade: dict[str, list[float]] = {}
    columns = ("component", "owner", "grade", "energy_pj")
    for component, owner, grade, energy in zip(*(rows[name] for name in columns), strict=True):
        words = f"{component} {owner}"
        if component != "static" and not any(fnmatchcase(words, pattern) for pattern in part.without):
            by_grade.setdefault(grade, []).append(energy)
    return {grade: math.fsum(energies) for grade, energies in by_grade.items()}


def _static_w(outcome: Outcome, part: Part) -> float:
    """Static power of the chips in use, ``times`` as many."""
    assert outcome.result is not None
    return part.times * math.fsum(_static(outcome).values()) / outcome.result.total_ps


def _static(outcome: Outcome) -> dict[str, float]:
    """Grade -> static energy in pJ of the replay."""
    assert outcome.ledger is not None
    rows = outcome.ledger.rows
    static = rows[rows["component"] == "static"]
    return {str(grade): float(energy) for grade, energy in static.groupby("grade")["energy_pj"].sum().items()}


def _power_w(outcome: Outcome, part: Part) -> float:
    """Mean power when the trace holds one of ``times`` equal parts of the chip's work.

    Static power is that of the whole chip, once; everything else counts ``times`` times. It is spread over the time of
    the timesteps: values that travel before and after them, such as partial sums, are no work of these chips.
    """
    result, ledger = outcome.result, outcome.ledger
    assert result is not None
    assert ledger is not None
    static = math.fsum(_static(outcome).values())
    steps_ps = result.total_ps - int(result.stages["transfer_ps"].sum())
    return static / result.total_ps + part.times * (ledger.total_pj - static) / steps_ps


def _energy_pj(outcome: Outcome, part: Part) -> float:
    """Energy of a token with static power over the simulated time."""
    assert outcome.result is not None
    dynamic = _dynamic_pj(outcome, part) / len(outcome.result.tokens)
    return dynamic + _static_w(outcome, part) * _time_ps(outcome, part)


def _time_ps(outcome: Outcome, part: Part) -> float:
    """Time from one token to the next."""
    assert outcome.result is not None
    return outcome.result.steady.time_per_token_ps


def _cores(outcome: Outcome, part: Part) -> float:
    assert outcome.result is not None
    return part.times * len(outcome.result.cores)


def _chips(outcome: Outcome, part: Part) -> float:
    assert outcome.result is not None
    return part.times * outcome.result.n_chips


def _price_pj(outcome: Outcome, part: Part) -> float:
    return chip_prices(outcome.chip)[str(part.price)].pj_per_count


_QUANTITIES: dict[str, Callable[[Outcome, Part], float]] = {
    "dynamic energy": _dynamic_pj,
    "energy": _energy_pj,
    "static power": _static_w,
    "power": _power_w,
    "time": _time_ps,
    "cores": _cores,
    "chips": _chips,
    "price": _price_pj,
}


def _grade(outcome: Outcome, part: Part) -> str:
    """The grade that most of a simulated part rests on, with its share where there are several."""
    if part.what in ("cores", "chips"):
        return "counted"
    if part.what == "price":
        return chip_prices(outcome.chip)[str(part.price)].grade
    if part.what == "time":
        return _time_grade(outcome)
    by_grade = _static(outcome) if part.what == "static power" else _kept(outcome, part)
    if part.what in ("energy", "power"):
        for grade, energy in _static(outcome).items():
            by_grade[grade] = by_grade.get(grade, 0.0) + energy
    top = max(by_grade, key=lambda grade: by_grade[grade])
    share = by_grade[top] / sum(by_grade.values())
    return top if share > 0.995 else f"{top} {share:.0%}"


def _time_grade(outcome: Outcome) -> Grade:
    """Grade of the time of the unit that is busiest in any core, or of the barrier where that takes most."""
    assert outcome.result is not None
    core, result = outcome.chip.core, outcome.result
    units: dict[str, Delay] = {
        "axon_in": core.axon_in.lookup.latency,
        "synapse": core.synapse.synop.latency,
        "soma": core.soma.update.latency,
        "axon_out": core.axon_out.packet.latency,
    }
    if result.stages["barrier_ps"].sum() > 0.5 * result.total_ps:
        return outcome.chip.sync.barrier.grade
    busiest = result.units.groupby("unit")["busy_ps"].max().reindex(list(units)).fillna(0)
    return units[str(busiest.idxmax())].grade
