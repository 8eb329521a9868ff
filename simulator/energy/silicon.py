"""Measurements on real chips whose event census is published, replayed through the engine and the ledger.

A case is a synthetic trace with the published events, a shipped chip file (with overrides that each state their reason)
and the rows of the ledger that the measurement covers. No price is fitted to the case that it is tested on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.config import load_chip
from simulator.config.chip import ChipConfig
from simulator.energy.ledger import EnergyLedger, build_ledger
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.mapping.mapped import Mapped
from simulator.mapping.place import map_trace
from simulator.trace.trace import Trace

if TYPE_CHECKING:
    import pandas as pd

Scope = Callable[[EnergyLedger, SimResult], float]


class Override(NamedTuple):
    """A value set on a chip file for one case, and why."""

    path: str
    value: str
    why: str


@dataclass(frozen=True)
class Case:
    """One measurement.

    Attributes
    ----------
    name, quantity, unit
        What was measured, and in what.
    measured
        The published number.
    target
        Largest relative error to be met, or None where a target makes no sense: no energies are published.
    role
        ``held out``, ``fitted`` (the chip file's energies were derived from this very point), or ``independent``.
    source
        Citation.
    chip, overrides
        Shipped chip file and what is set on it.
    trace
        The published events.
    scope
        Ledger and result to the number, in ``unit``: the rows that the measurement covers.
    deviations
        Where the replay differs from what was measured, and what that does.
    spread
        Seed to put the cores at random routers of the mesh, or None for the mapping's own places.
    """

    name: str
    quantity: str
    unit: str
    measured: float
    target: float | None
    role: str
    source: str
    chip: str
    overrides: tuple[Override, ...]
    trace: Callable[[], Trace]
    scope: Scope
    deviations: tuple[str, ...]
    spread: int | None = None


class Verdict(NamedTuple):
    """A case with what the simulator makes of it; ``simulated`` and ``error`` (relative) are those of the scope."""

    case: Case
    simulated: float
    error: float

    @property
    def met(self) -> bool | None:
        """Whether the error is within the target; None without one."""
        return None if self.case.target is None else abs(self.error) <= self.case.target


def run_case(case: Case) -> Verdict:
    """Simulate and price one case."""
    overrides = [f"{o.path}={o.value}" for o in case.overrides]
    chip = load_chip(case.chip, [*overrides, "chip.static_fixed=true"])  # parts of a chip stand for the measured whole
    trace = case.trace()
    result = replay(_mapped(trace, chip, case.spread))
    simulated = case.scope(build_ledger(result, chip), result)
    return Verdict(case, simulated, simulated / case.measured - 1)


def silicon_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row per case: ``case, chip, quantity, measured, simulated, error, role, target, verdict``."""
    import pandas as pd

    rows = [
        (
            v.case.name,
            v.case.chip,
            v.case.quantity,
            f"{v.case.measured:.4g} {v.case.unit}",
            f"{v.simulated:.4g} {v.case.unit}",
            f"{v.error:+.1%}",
            v.case.role,
            "none" if v.case.target is None else f"{v.case.target:.0%}",
            "by construction" if v.case.role == "fitted" else {True: "met", False: "missed", None: "shown"}[v.met],
        )
        for v in verdicts
    ]
    columns = ["case", "chip", "quantity", "measured", "simulated", "error", "role", "target", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def silicon_notes(verdicts: Sequence[Verdict]) -> dict[str, list[str]]:
    """Every override and deviation, under the names of the cases that it belongs to; what cases share is said once."""
    lines: dict[str, list[str]] = {}
    for case in (v.case for v in verdicts):
        lines.setdefault(f"measured: {case.source}", []).append(case.name)
        for override in case.overrides:
            lines.setdefault(f"set {override.path} = {override.value}: {override.why}", []).append(case.name)
        for text in case.deviations:
            lines.setdefault(text, []).append(case.name)
    notes: dict[str, list[str]] = {}
    for line, names in lines.items():
        notes.setdefault("; ".join(names), []).append(line)
    return notes


def power_of(parts: int, unit_w: float) -> Scope:
    """Mean power in units of ``unit_w`` when the trace holds one of ``parts`` equal parts of the chip's work.

    Static power is that of the whole chip, once; everything else is billed ``parts`` times. It is spread over the time
    of the timesteps: values that travel before and after them, such as partial sums, are no work of these chips.
    """

    def scope(ledger: EnergyLedger, result: SimResult) -> float:
        static = energy_of(ledger, lambda component, owner: component == "static")
        steps_ps = result.total_ps - int(result.stages["transfer_ps"].sum())
        return (static / result.total_ps + parts * (ledger.total_pj - static) / steps_ps) / unit_w

    return scope


def dynamic_energy(parts: int, unit_pj: float, without: Callable[[str, str], bool]) -> Scope:
    """Energy in units of ``unit_pj`` of ``parts`` such chips, without static power and the rows of ``without``."""

    def scope(ledger: EnergyLedger, result: SimResult) -> float:
        kept = energy_of(ledger, lambda component, owner: component != "static" and not without(component, owner))
        return parts * kept / unit_pj

    return scope


def energy_of(ledger: EnergyLedger, keep: Callable[[str, str], bool]) -> float:
    """Energy in pJ of the rows whose component and owner are kept."""
    rows = zip(ledger.rows["component"], ledger.rows["owner"], ledger.rows["energy_pj"], strict=True)
    return math.fsum(energy for component, owner, energy in rows if keep(component, owner))


def _mapped(trace: Trace, chip: ChipConfig, spread: int | None) -> Mapped:
    """The mapping of the chip file, or the same blocks on cores at random routers of the mesh."""
    mapped = map_trace(trace, chip)
    if spread is None:
        return mapped
    shuffled = np.random.Generator(np.random.PCG64(spread)).permutation(mapped.placement.core_router)
    return replace(mapped, placement=replace(mapped.placement, core_router=shuffled))
