"""A request for one simulation with its report: the command line fills it, `run_request` carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from simulator.choices import Precision
from simulator.config.chip import ChipConfig
from simulator.config.chip_files import load_chip, load_dense_twin
from simulator.config.dense_twin import twin_from
from simulator.errors import SpikewattError
from simulator.mapper.mapping_file import AskedMapping, MappingFile, load_mapping
from simulator.outputs.names import path_below
from simulator.outputs.output_file import TIMELINE, check_writable_file
from simulator.report.progress import ProgressLine
from simulator.report.report_folder import check_place
from simulator.shipped import find_trace
from simulator.trace.codes import Code
from simulator.trace.recode import as_encoding
from simulator.trace.trace import Trace
from simulator.trace.trace_files import load_trace
from simulator.units import parse_quantity

if TYPE_CHECKING:
    from simulator.report.report_files import Writer
    from simulator.report.run import Run
    from simulator.verify import Verified


@dataclass(frozen=True)
class SimulateRequest:
    """What is simulated, and what is written about it.

    Attributes
    ----------
    chip, overrides
        Name or path of a chip file, and ``path=value`` overrides of it.
    trace, encoding
        Name or path of a trace file, and the code under which its counts are replayed; None: the code of the trace.
    dense_twin
        ``auto``: made from the chip (`simulator.config.dense_twin`); ``shipped``: the shipped dense chip of the same
        node; ``none``; or the name or path of a chip with ``replay: dense``.
    breakeven
        Find the spike rates that break even with the dense twin.
    sample_tokens
        Tokens whose network is simulated, each for its neighbours too; see `simulator.simulation.simulation.simulate`.
    mapping
        ``auto``, ``chip``, or the path of a mapping file.
    precision
        Precision of the 45 nm op count that the report starts from.
    allow_uncosted
        Let counted work without a price through, with a warning.
    memory_limit_bytes
        Refuse to start where the arrays of a simulation take more.
    folder
        Folder of the report; None: ``reports/<chip>/<trace>``.
    force
        Replace the folder whatever it holds.
    figures, latex
        Formats of figure files besides SVG, and whether tables are also written as LaTeX.
    timeline
        File of a timeline, or None.
    verify
        Directory of the trace's model: check the delivered spikes against its forward pass. None: no check.
    command
        Command line to note in the manifest.
    """

    chip: str
    trace: str | Path
    overrides: tuple[str, ...] = ()
    encoding: Code | None = None
    dense_twin: str = "auto"
    breakeven: bool = False
    sample_tokens: int | Literal["auto", "all"] = "auto"
    mapping: str = "auto"
    precision: Precision = "fp32"
    allow_uncosted: bool = False
    memory_limit_bytes: int | None = None
    folder: Path | None = None
    force: bool = False
    figures: tuple[Literal["png", "pdf"], ...] = ()
    latex: bool = False
    timeline: Path | None = None
    verify: Path | None = None
    command: str = ""


@dataclass(frozen=True)
class Simulated:
    """What a request led to: the run, the folder of its report, and what was verified where that was asked for."""

    run: Run
    folder: Path
    verified: Verified | None


def run_request(request: SimulateRequest, progress: ProgressLine) -> Simulated:
    """Map, simulate, price, verify and write the report.

    Raises
    ------
    SpikewattError
        When a file of the request is wrong, the trace does not fit, or an output cannot be written. Inputs and outputs
        are checked before anything is simulated.
    """
    chip = load_chip(request.chip, list(request.overrides))
    trace = _trace(request)
    folder = request.folder or path_below(Path("reports"), chip.name, trace.name)
    named = Path(request.chip), Path(request.dense_twin), Path(request.mapping)
    inputs = find_trace(request.trace), *named, request.verify
    check_place(folder, request.force, inputs)
    if request.timeline is not None:
        check_writable_file(request.timeline, TIMELINE, inputs)
    run = _mapped_and_simulated(request, chip, trace, progress)
    # Loaded late, as all that a refusal does not need.
    from simulator.report.report_files import write_report
    from simulator.report.timeline import SLICES_MAX, write_timeline

    if request.timeline is not None and (left_out := write_timeline(run, request.timeline)):
        progress.say(f"{request.timeline}: {left_out} slices beyond the first {SLICES_MAX} are left out")
    verified = _verified(run, request.verify)
    progress.end()  # a process without other threads can draw figures side by side
    progress.say("writing the report")
    write_report(run, folder, writers=_writers(request), force=request.force)
    return Simulated(run, folder, verified)


def run_again(request: SimulateRequest, progress: ProgressLine) -> Run:
    """Map, simulate and price as `run_request` does, and write nothing."""
    return _mapped_and_simulated(request, load_chip(request.chip, list(request.overrides)), _trace(request), progress)


def _mapped_and_simulated(request: SimulateRequest, chip: ChipConfig, trace: Trace, progress: ProgressLine) -> Run:
    """The run of a request, its chip and trace read."""
    mapping = _mapping(request, trace)
    if isinstance(mapping, MappingFile) and mapping.schedule is not None and not _names_schedule(request):
        chip = load_chip(request.chip, [*request.overrides, f"schedule.kind={mapping.schedule}"])
    twin = twin_of(chip, request.dense_twin)
    progress.say(f"{trace} on {chip.name}; the first run on a machine compiles the kernels")
    return _simulated(request, chip, trace, twin, mapping, progress)


def parse_sample_tokens(text: str) -> int | Literal["auto", "all"]:
    """The value of --sample-tokens.

    Raises
    ------
    SpikewattError
        When it is neither a number nor a word that it takes.
    """
    if text == "auto":
        return "auto"
    if text == "all":
        return "all"
    if text.isdecimal():
        return int(text)
    raise SpikewattError(f"--sample-tokens: found {text!r}, expected a number, auto or all")


def parse_memory_limit(text: str | None) -> int | None:
    """Bytes of the value of --memory-limit, such as ``4 GiB``; None without one.

    Raises
    ------
    SpikewattError
        When it is no size.
    """
    try:
        return None if text is None else int(parse_quantity(text, "size"))
    except ValueError as error:
        raise SpikewattError(f"--memory-limit: {error}") from error


def twin_of(chip: ChipConfig, dense_twin: str) -> ChipConfig | None:
    """The dense twin that a request names; ``auto`` and ``shipped`` give none to a chip that is dense itself.

    Raises
    ------
    SpikewattError
        When the named chip does not replay densely.
    """
    if dense_twin == "none" or (dense_twin in ("auto", "shipped") and chip.replay == "dense"):
        return None
    if dense_twin == "auto":
        return twin_from(chip)
    if dense_twin == "shipped":
        return load_dense_twin(chip)
    twin = load_chip(dense_twin)
    if twin.replay != "dense":
        raise SpikewattError(f"{dense_twin}: found replay: {twin.replay}, expected a chip with replay: dense")
    return twin


def _trace(request: SimulateRequest) -> Trace:
    """The trace, under the code of the request."""
    trace = load_trace(request.trace)
    return trace if request.encoding is None else as_encoding(trace, request.encoding)


def _mapping(request: SimulateRequest, trace: Trace) -> AskedMapping:
    """The mapping that a request names, its file read and checked."""
    if request.mapping in ("chip", "auto"):
        return "chip" if request.mapping == "chip" else "auto"
    return load_mapping(Path(request.mapping), trace)


def _names_schedule(request: SimulateRequest) -> bool:
    """Whether an override of the request says which schedule is simulated."""
    return any(override.split("=", 1)[0].strip() in ("schedule", "schedule.kind") for override in request.overrides)


def _simulated(
    request: SimulateRequest,
    chip: ChipConfig,
    trace: Trace,
    twin: ChipConfig | None,
    mapping: AskedMapping,
    progress: ProgressLine,
) -> Run:
    # Loaded late: the progress line is on the terminal before the figures and numba load.
    from simulator.simulation.simulation import simulate

    return simulate(
        chip,
        trace,
        dense_chip=twin,
        precision=request.precision,
        allow_uncosted=request.allow_uncosted,
        command=request.command,
        progress=progress,
        memory_limit_bytes=request.memory_limit_bytes,
        breakeven=request.breakeven,
        sample_tokens=request.sample_tokens,
        mapping=mapping,
    )


def _verified(run: Run, model: Path | None) -> Verified | None:
    """The sums of the delivered spikes, compared with those of the model."""
    if model is None:
        return None
    from simulator.verify import verify

    return verify(run.mapped, model)


def _writers(request: SimulateRequest) -> list[Writer]:
    """What is written besides the files of every report."""
    from simulator.report.export import write_latex
    from simulator.report.html import write_page

    page = partial(write_page, formats=list(request.figures)) if request.figures else write_page
    return [page, write_latex] if request.latex else [page]
