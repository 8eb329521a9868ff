"""Which mapping a run takes: that of the chip file, of a mapping file, or of the mapper where the engine agrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from simulator.config.chip import ChipConfig
from simulator.energy.ledger import EnergyLedger, build_ledger
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.mapper.estimate import Estimate
from simulator.mapper.mapping_file import AskedMapping, MappingFile
from simulator.mapper.optimize import CLAIM, fixed_by, optimize
from simulator.mapping.mapped import Mapped
from simulator.mapping.place import map_trace
from simulator.mapping.widths import Widths
from simulator.report.side_by_side import side_by_side
from simulator.report.steady_figures import steady_pj
from simulator.trace.trace import Trace

Priced = tuple[SimResult, EnergyLedger]
SURE = 0.8  # of the closed form of the chip file's own mapping: below it no closed form is so wrong
# Where it is not, a first look at that mapping: tokens whose network, and those whose cores, stand for all (the error
# moves the energy by less than a percent), and how much dearer it must be there to be left alone.
COMPARED_TOKENS, COMPARED_CORES, CLEARLY = 4, 32, 1.01


@dataclass(frozen=True)
class Choice:
    """A trace on a chip, and where its widths come from.

    Attributes
    ----------
    mapped
        Where everything lies.
    file
        The widths, where they are not those of the chip file.
    own
        The trace under the chip file's own mapping, where that may yet turn out better.
    own_pj
        Energy of the trace under it in closed form.
    closed
        Closed form of a token under the widths that the mapper chose.
    note
        What the report says of the choice; nothing for the chip file's own mapping.
    widths
        The widths that the mapper chose.
    """

    mapped: Mapped
    file: MappingFile | None = None
    own: Mapped | None = None
    own_pj: float = 0.0
    closed: Estimate | None = None
    note: tuple[str, ...] = ()
    widths: Widths | None = None


def choose(chip: ChipConfig, trace: Trace, asked: AskedMapping) -> Choice:
    """The mapping that is asked for; ``auto``: what the mapper finds, or that of the chip file.

    Raises
    ------
    CapacityError
        When the trace does not fit.
    """
    if isinstance(asked, MappingFile):
        note = ("widths of stages and layers are those of a mapping file, see manifest.json",)
        return Choice(map_trace(trace, chip, asked.widths(trace)), asked, note=note)
    if asked == "chip":
        return Choice(map_trace(trace, chip))
    if key := fixed_by(chip):
        return Choice(map_trace(trace, chip), note=(f"mapping auto: {key} is set, so that the chip file decides",))
    found = optimize(chip, trace, "energy", check=False)
    if found.best is found.own:
        return _own(found.own.mapped)
    note = (f"mapping auto: widths of stages and layers were chosen for the least {found.objective} in closed form",)
    own = found.own.mapped, found.own_trace_pj
    return Choice(found.best.mapped, found.mapping, *own, found.best.closed, note, found.best.widths)


def choose_both(chip: ChipConfig, twin: ChipConfig, trace: Trace) -> tuple[Choice, Choice]:
    """What `choose` finds under ``auto`` for a chip, and for the twin that replays what the chip replays.

    A copy of the process, where there can be one, looks for that of the twin.
    """
    replayed = map_trace(trace, chip).trace
    choice, [found] = side_by_side(partial(choose, chip, trace, "auto"), [partial(_sought, twin, replayed)])
    return choice, _at(twin, replayed, found)


class _Sought(NamedTuple):
    """What a copy of the process sends of a `Choice`: all but where everything lies."""

    widths: Widths | None
    file: MappingFile | None
    own_pj: float
    closed: Estimate | None
    note: tuple[str, ...]


def _sought(chip: ChipConfig, trace: Trace) -> _Sought:
    """What `choose` finds under ``auto``."""
    found = choose(chip, trace, "auto")
    return _Sought(found.widths, found.file, found.own_pj, found.closed, found.note)


def _at(chip: ChipConfig, trace: Trace, sought: _Sought) -> Choice:
    """The choice that was sent, with everything where it lies."""
    own = map_trace(trace, chip)
    if sought.widths is None:
        return Choice(own, note=sought.note)
    mapped = map_trace(trace, chip, sought.widths)
    return Choice(mapped, sought.file, own, sought.own_pj, sought.closed, sought.note, sought.widths)


def checked(choice: Choice, priced: Callable[[Mapped], Priced]) -> tuple[Choice, SimResult, EnergyLedger]:
    """Simulate a choice by ``priced``; the chip file's own mapping instead where the engine finds that one better.

    A note says so where the closed form that chose the widths is wrong by more than the mapper claims.
    """
    result, ledger = priced(choice.mapped)
    choice = replace(choice, note=(*choice.note, *_refused(choice, result, ledger)))
    own = choice.own
    if own is None or ledger.total_pj <= SURE * choice.own_pj:
        return choice, result, ledger
    if CLEARLY * ledger.total_pj <= _about_pj(own):
        return choice, result, ledger
    own_result, own_ledger = priced(own)
    if ledger.total_pj <= own_ledger.total_pj:
        return choice, result, ledger
    return _own(own), own_result, own_ledger


def _refused(choice: Choice, result: SimResult, ledger: EnergyLedger) -> Iterator[str]:
    """What the report says where closed form and engine differ; nothing where they do not, or are of other tokens."""
    steady, closed = result.steady, choice.closed
    if closed is None or not steady.filled or len(set(choice.mapped.trace.phases.tolist())) > 1:
        return
    energy = closed.energy_pj / steady_pj(result, ledger, choice.mapped.chip) - 1
    time = closed.interval_ps / steady.time_per_token_ps - 1
    if max(abs(energy), abs(time)) > CLAIM:
        yield (
            f"mapping auto: the closed form that chose the widths is refused: against the engine energy {energy:+.1%},"
            f" time {time:+.1%}, more than {CLAIM:.0%}; other widths may be better, try --mapping chip or FILE"
        )


def _own(mapped: Mapped) -> Choice:
    return Choice(mapped, note=("mapping auto: no widths found that beat those of the chip file, which stay",))


def _about_pj(mapped: Mapped) -> float:
    """Energy of the trace by the engine, the network and the cores of a few tokens standing for those of all."""
    rough = replay(mapped, sample=COMPARED_TOKENS, cores_sample=COMPARED_CORES)
    return build_ledger(rough, mapped.chip, allow_uncosted=True).total_pj
