"""A request for one synthetic trace: the command line fills it, `run_synthesis` carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simulator.model.encoder import encoding_for
from simulator.model.model_options import AS_STATED, ModelOptions
from simulator.model.statistical_trace import statistical_trace
from simulator.outputs.names import as_name
from simulator.outputs.output_file import TRACE, check_writable_file
from simulator.shipped import find_trace
from simulator.simulation.given_options import refuse_together, require_option
from simulator.trace.codes import Code
from simulator.trace.synthetic import parse_sizes, synthetic_trace
from simulator.trace.trace import Phase, Trace
from simulator.trace.trace_files import load_trace, write_trace

Pattern = Literal["silent", "single", "full", "poisson"]
# Options of a pattern, and those of a model.
OF_PATTERNS = ("pattern", "sizes", "encoding", "timesteps", "mean_count")
OF_SHAPES = ("like", "phase", "context", "ignore_config_keys")


@dataclass(frozen=True)
class SynthesisRequest:
    """What is drawn, and the file that keeps it.

    Attributes
    ----------
    out
        Trace file to write.
    pattern, sizes, encoding, timesteps, mean_count
        A pattern through a chain of layers of these widths (`simulator.trace.synthetic`).
    shape, like, phase, context, options
        A model instead, drawn like a captured trace (`simulator.model.statistical_trace`).
    tokens, seed
        Of both.
    given
        Names of the options that the user gave, to refuse those without meaning.
    """

    out: Path
    pattern: Pattern
    sizes: str
    encoding: Code
    timesteps: int
    mean_count: float
    shape: str | None
    like: str
    phase: Phase | None
    context: int | None
    tokens: int
    seed: int
    options: ModelOptions = AS_STATED
    given: frozenset[str] = frozenset()


def run_synthesis(request: SynthesisRequest) -> Sequence[str]:
    """Check the request, draw the trace and write it; returns the result in words.

    Raises
    ------
    SpikewattError
        When options contradict each other, or a file cannot be read or written.
    """
    check_writable_file(request.out, TRACE, inputs=(find_trace(request.like),))
    trace = _of_pattern(request) if request.shape is None else _of_shape(request, request.shape)
    return [f"{request.out}: {write_trace(trace, request.out)}"]


def _of_shape(request: SynthesisRequest, shape: str) -> Trace:
    refuse_together(request.given, "shape", OF_PATTERNS)
    return statistical_trace(
        shape,
        load_trace(request.like),
        request.tokens,
        phase=request.phase,
        context=request.context,
        seed=request.seed,
        name=as_name(request.out.stem),
        options=request.options,
    )


def _of_pattern(request: SynthesisRequest) -> Trace:
    require_option(request.given, "shape", OF_SHAPES)
    code = encoding_for(request.encoding, request.timesteps)
    return synthetic_trace(
        request.pattern,
        parse_sizes(request.sizes),
        code=code.code,
        levels=code.levels,
        tokens=request.tokens,
        mean_count=request.mean_count,
        seed=request.seed,
        name=as_name(request.out.stem),
    )
