"""One call from a chip and a trace to a Run: map, simulate, price, and set beside the op count and the dense twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

from simulator.choices import Precision
from simulator.config.chip import ChipConfig
from simulator.energy.area import chip_area
from simulator.energy.breakeven import Bisection, bisect_trace
from simulator.energy.cmos45 import PAPER_PRECISION, cmos45_all
from simulator.energy.ledger import EnergyLedger, build_ledger
from simulator.engine.engine import replay, threads_for
from simulator.engine.limits import check_memory
from simulator.engine.result import SimResult
from simulator.engine.token_sample import sample_size
from simulator.errors import SpikewattError
from simulator.mapper.mapping_file import MappingFile
from simulator.mapper.optimize import optimize
from simulator.mapping.mapped import Mapped
from simulator.mapping.place import map_trace
from simulator.report.notebook import NotebookRun
from simulator.report.run import DenseTwin, Run, time_util
from simulator.simulation.assumptions import assumptions, of_mapping, unpublished
from simulator.trace.trace import Trace

Progress = Callable[[str, int, int], None]


def simulate(
    chip: ChipConfig,
    trace: Trace,
    *,
    dense_chip: ChipConfig | None = None,
    precision: Precision = PAPER_PRECISION,
    allow_uncosted: bool = False,
    command: str = "",
    progress: Progress | None = None,
    memory_limit_bytes: int | None = None,
    breakeven: bool = False,
    sample_tokens: int | Literal["auto", "all"] = "auto",
    mapping: Literal["chip", "auto"] | MappingFile = "chip",
) -> NotebookRun:
    """Simulate ``trace`` on ``chip``.

    Parameters
    ----------
    chip, trace
        From `load_chip` and `load_trace`.
    dense_chip
        A chip with ``replay: dense``; the same trace is then simulated on it as the twin to compare with.
    precision
        Of the 45 nm op count that the chip is set beside first.
    allow_uncosted
        Let work without a price through as a named row and a warning; otherwise it is an error.
    command
        Command line to note in the manifest.
    progress
        Called with (what, stages done, stages).
    memory_limit_bytes
        Refuse to start where the arrays of a simulation would take more.
    breakeven
        Find the spike rates at which layers and trace cost what they cost on ``dense_chip``, by further simulations.
    sample_tokens
        Tokens whose network is simulated, each for its neighbours too; ``auto``: all up to 64, of more as many as keep
        the standard error of the time below 1 % (`simulator.engine.token_sample`).
    mapping
        ``chip``: widths as the chip files say; ``auto``: the mapper chooses them for the least energy, those of the
        twin too; or a mapping file, beside which the twin is mapped as its own chip file says.

    Raises
    ------
    SpikewattError
        When ``sample_tokens`` is below 1, or ``breakeven`` is asked for without ``dense_chip``.
    CapacityError
        When the trace does not fit.
    UncostedError
        When counted work has no price and ``allow_uncosted`` is not set.
    """
    if breakeven and dense_chip is None:
        raise SpikewattError("break-even is that with a dense twin, and none is simulated: leave one of the two out")
    sample = sample_size(trace, sample_tokens)
    chosen = mapping_for(chip, trace, mapping)
    mapped = map_trace(trace, chip, None if chosen is None else chosen.widths(trace))
    trace = mapped.trace
    if dense_chip is not None:
        dense_chip = _served_alike(dense_chip, chip)
    twin = None if dense_chip is None else _mapped_twin(dense_chip, trace, memory_limit_bytes, mapping)
    result, ledger = _priced(mapped, progress, allow_uncosted, memory_limit_bytes, sample)
    dense = None if twin is None else dense_twin(twin, progress, sample)
    return NotebookRun(
        mapped=mapped,
        result=result,
        ledger=ledger,
        cmos45=cmos45_all(mapped.trace),
        dense=dense,
        command=command,
        warnings=(*assumptions(mapped), *of_mapping(chosen, mapping)),
        precision=precision,
        bisection=_bisection(chip, trace, dense_chip, dense, progress) if breakeven else None,
        mapping=chosen,
    )


def repriced(run: Run, chip: ChipConfig, command: str) -> Run:
    """``run`` with the counts and times it has, at the prices of ``chip``, which differs from its own in nothing else.

    Raises
    ------
    UncostedError
        When counted work has no price.
    """
    ledger = build_ledger(run.result, chip)
    of_prices = tuple(unpublished(run.chip))
    kept = (warning for warning in run.warnings if warning not in of_prices)
    return replace(
        run,
        mapped=replace(run.mapped, chip=chip),
        ledger=ledger,
        command=command,
        warnings=(*kept, *unpublished(chip)),
    )


def _served_alike(twin: ChipConfig, chip: ChipConfig) -> ChipConfig:
    """The twin, forming the logits of the same tokens as ``chip``."""
    return twin.model_copy(update={"schedule": twin.schedule.model_copy(update={"logits": chip.schedule.logits})})


def mapping_for(chip: ChipConfig, trace: Trace, mapping: Literal["chip", "auto"] | MappingFile) -> MappingFile | None:
    """The widths that a request asks for; None for those of the chip file, also where the mapper finds none better."""
    if isinstance(mapping, MappingFile):
        return mapping
    if mapping == "chip":
        return None
    found = optimize(chip, trace, "energy", check=False)
    return None if found.best is found.own else found.mapping


def _mapped_twin(
    chip: ChipConfig,
    trace: Trace,
    memory_limit_bytes: int | None,
    mapping: Literal["chip", "auto"] | MappingFile,
) -> Mapped:
    """The trace on its twin; refuses a twin that does not fit before anything is simulated."""
    chosen = mapping_for(chip, trace, mapping) if mapping == "auto" else None
    mapped = map_trace(trace, chip, None if chosen is None else chosen.widths(trace))
    if memory_limit_bytes is not None:
        check_memory(mapped, threads_for(trace), memory_limit_bytes)
    return mapped


def dense_twin(
    mapped: Mapped, progress: Progress | None = None, sample: int | Literal["auto"] | None = None
) -> DenseTwin:
    """The same layers, every activation once as one integer, on a dense chip: same engine, same ledger."""
    chip, trace = mapped.chip, mapped.trace
    result, ledger = _priced(mapped, progress, sample=sample)
    area = chip_area(chip)
    area_mm2 = None if area is None else area.chip_mm2 * result.n_chips
    of_trace = ledger.total_pj, result.total_ps, trace.n_tokens
    return DenseTwin(chip.name, *of_trace, time_util(result), area_mm2, chip.technology.node_nm)


def _bisection(
    chip: ChipConfig,
    trace: Trace,
    dense_chip: ChipConfig | None,
    dense: DenseTwin | None,
    progress: Progress | None,
) -> Bisection | None:
    """Break-even by further simulations, where there is a twin."""
    if dense_chip is None or dense is None:
        return None
    if progress is not None:
        progress("break-even by bisection", 0, 1)
    return bisect_trace(trace, chip, dense_chip, dense.energy_pj)


def _priced(
    mapped: Mapped,
    progress: Progress | None,
    allow_uncosted: bool = False,
    memory_limit_bytes: int | None = None,
    sample: int | Literal["auto"] | None = None,
) -> tuple[SimResult, EnergyLedger]:
    """Simulate and price."""
    named = None if progress is None else partial(progress, mapped.chip.name)
    result = replay(mapped, named, memory_limit_bytes=memory_limit_bytes, sample=sample)
    return result, build_ledger(result, mapped.chip, allow_uncosted)
