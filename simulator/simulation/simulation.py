"""One call from a chip and a trace to a Run: map, simulate, price, and compare with the op count and the dense twin."""

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
from simulator.engine.limits import check_least_memory, check_memory
from simulator.engine.result import SimResult
from simulator.engine.token_sample import sample_size
from simulator.errors import SpikewattError
from simulator.mapper.mapping_file import AskedMapping
from simulator.mapping.mapped import Mapped
from simulator.report.notebook import NotebookRun
from simulator.report.run import DenseTwin, Run, time_util
from simulator.report.steady_figures import steady_pj
from simulator.simulation.assumptions import assumptions, unpublished
from simulator.simulation.choice import Choice, checked, choose, choose_both
from simulator.trace.batches import batched, copies_line
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
    mapping: AskedMapping = "auto",
) -> NotebookRun:
    """Simulate ``trace`` on ``chip``.

    Parameters
    ----------
    chip, trace
        From `load_chip` and `load_trace`.
    dense_chip
        A chip with ``replay: dense``; the same trace is then simulated on it as the twin to compare with.
    precision
        Of the 45 nm op count that the chip is compared with first.
    allow_uncosted
        Let work without a price through as a named row and a warning; otherwise it is an error.
    command
        Command line to note in the manifest.
    progress
        Called with (what, stages done, stages).
    memory_limit_bytes
        Refuse to start where this process would take more; None: 80 % of the memory of the machine or its container.
    breakeven
        Find the spike rates at which layers and trace cost what they cost on ``dense_chip``, by further simulations.
    sample_tokens
        Tokens whose network is simulated, each for its neighbours too; ``auto``: all up to 64, of more as many as keep
        the standard error of the time below 1 % (`simulator.engine.token_sample`).
    mapping
        ``auto``: the mapper chooses widths for the least energy, those of the twin too; where the chip file decides
        them itself, or the engine finds its mapping better, that one is taken. ``chip``: as the chip files say. Or a
        mapping file; the twin is then mapped as its own chip file says.

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
        raise SpikewattError("--breakeven needs the dense twin; remove --no-dense-twin")
    copies = copies_line(trace, chip.schedule.batch)
    trace = batched(trace, chip.schedule.batch)
    sample = sample_size(trace, sample_tokens)
    if isinstance(mapping, str):
        check_least_memory(trace, chip, threads_for(trace), memory_limit_bytes)
    if dense_chip is not None:
        dense_chip = _served_alike(dense_chip, chip)
    choice, twin = _mapped(chip, dense_chip, trace, mapping)
    trace = choice.mapped.trace
    if twin is not None:
        check_memory(twin.mapped, threads_for(trace), memory_limit_bytes)
    price = partial(
        _priced, progress=progress, allow_uncosted=allow_uncosted, memory_limit_bytes=memory_limit_bytes, sample=sample
    )
    choice, result, ledger = checked(choice, price)
    dense = None if twin is None else dense_twin(twin, progress, sample, memory_limit_bytes)
    return NotebookRun(
        mapped=choice.mapped,
        result=result,
        ledger=ledger,
        cmos45=cmos45_all(trace),
        dense=dense,
        command=command,
        warnings=(*assumptions(choice.mapped), *copies, *choice.note),
        precision=precision,
        bisection=_bisection(choice, dense_chip, dense, progress) if breakeven else None,
        mapping=choice.file,
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
    """The twin, forming the logits of the same tokens as ``chip``, in batches of as many texts."""
    alike = {"logits": chip.schedule.logits, "batch": chip.schedule.batch}
    return twin.model_copy(update={"schedule": twin.schedule.model_copy(update=alike)})


def _mapped(
    chip: ChipConfig, twin: ChipConfig | None, trace: Trace, mapping: AskedMapping
) -> tuple[Choice, Choice | None]:
    """The trace on its chip, and what the chip replays on its twin; both before anything is simulated."""
    if twin is None:
        return choose(chip, trace, mapping), None
    if mapping == "auto":
        return choose_both(chip, twin, trace)
    choice = choose(chip, trace, mapping)
    return choice, choose(twin, choice.mapped.trace, "chip")


def dense_twin(
    choice: Choice,
    progress: Progress | None = None,
    sample: int | Literal["auto"] | None = None,
    memory_limit_bytes: int | None = None,
) -> DenseTwin:
    """The same layers, every activation once as one integer, on a dense chip: same engine, same ledger."""
    price = partial(_priced, progress=progress, sample=sample, memory_limit_bytes=memory_limit_bytes)
    choice, result, ledger = checked(choice, price)
    chip, trace = choice.mapped.chip, choice.mapped.trace
    area = chip_area(chip)
    area_mm2 = None if area is None else area.chip_mm2 * result.n_chips
    of_trace = ledger.total_pj, result.total_ps, trace.n_tokens
    steady = result.steady
    full = (steady_pj(result, ledger, chip), steady.time_per_token_ps) if steady.pipelined else (None, None)
    return DenseTwin(chip.name, *of_trace, time_util(result), area_mm2, chip.technology.node_nm, *full)


def _bisection(
    choice: Choice, dense_chip: ChipConfig | None, dense: DenseTwin | None, progress: Progress | None
) -> Bisection | None:
    """Break-even by further simulations, where there is a twin."""
    if dense_chip is None or dense is None:
        return None
    if progress is not None:
        progress("break-even by bisection", 0, 1)
    trace = choice.mapped.trace
    widths = None if choice.file is None else choice.file.widths(trace)
    return bisect_trace(trace, choice.mapped.chip, dense_chip, dense.energy_pj, widths)


def _priced(
    mapped: Mapped,
    progress: Progress | None = None,
    allow_uncosted: bool = False,
    memory_limit_bytes: int | None = None,
    sample: int | Literal["auto"] | None = None,
) -> tuple[SimResult, EnergyLedger]:
    """Simulate and price."""
    named = None if progress is None else partial(progress, mapped.chip.name)
    result = replay(mapped, named, memory_limit_bytes=memory_limit_bytes, sample=sample)
    return result, build_ledger(result, mapped.chip, allow_uncosted)
