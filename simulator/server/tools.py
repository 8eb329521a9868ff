"""What other programs can ask: chips, traces, a simulation, why it costs what it costs, a comparison, a sweep.

Each function takes names or paths as the command line does and returns one record. Faults are raised as
`simulator.errors.SpikewattError` with the line that the command line prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from simulator.config.chip_files import list_chips
from simulator.config.sweep import load_sweep
from simulator.report.compare import energy_causes, headline, read_reports, time_causes
from simulator.report.explain import explain_table
from simulator.report.progress import ProgressLine
from simulator.report.verdict import sentences
from simulator.shipped import shipped_traces
from simulator.simulation.answer import json_rows
from simulator.simulation.request import SimulateRequest, run_request
from simulator.sweep.runner import run_sweep

EXPLAINED = ["owner", "action", "count", "pj_per_count", "energy_pj", "share", "path", "grade", "citation", "note"]


class Named(BaseModel):
    """A file that ships with the program."""

    name: str
    summary: str = ""


class Simulation(BaseModel):
    """A finished simulation; energies and times are means over the tokens."""

    report: str = Field(description="folder of the report, for explain and compare")
    energy_per_token_pj: float
    time_per_token_ps: float
    op_count_per_token_pj: float = Field(description="45 nm op count that papers print")
    dense_twin_per_token_pj: float | None = Field(description="the same trace on a dense chip of equal precision")
    chips: int
    verdict: list[str] = Field(description="what decides energy and time, and what would change it")
    warnings: list[str]


class Explanation(BaseModel):
    """Rows of the ledger with the most energy: count, price, where the price comes from."""

    rows: list[dict[str, Any]]


class Comparison(BaseModel):
    """How a second report differs from a first."""

    headline: str
    energy_causes: list[str]
    time_causes: list[str]


class Sweep(BaseModel):
    """Points of a sweep with their objectives, and whether they are on the Pareto front."""

    folder: str
    computed: int
    reused: int
    failed: int
    points: list[dict[str, Any]]


def chips() -> list[Named]:
    """List the shipped chips."""
    return [Named(name=name, summary=summary) for name, summary in list_chips()]


def traces() -> list[Named]:
    """List the shipped traces."""
    return [Named(name=name) for name in shipped_traces()]


def simulate(
    chip: str = "loihi-like",
    trace: str = "shakespeare-ternary-T15",
    overrides: list[str] | None = None,
    out: str | None = None,
) -> Simulation:
    """Simulate a trace on a chip with its dense twin and write a report.

    ``overrides`` are ``path=value`` in the chip file, such as ``core.synapse.lanes=2``. ``out`` is the folder of the
    report, by default ``reports/CHIP/TRACE``.
    """
    folder = None if out is None else Path(out)
    done = run_request(SimulateRequest(chip, trace, tuple(overrides or ()), folder=folder), ProgressLine(quiet=True))
    run = done.run
    return Simulation(
        report=str(done.folder),
        energy_per_token_pj=run.energy_per_token_pj,
        time_per_token_ps=run.time_per_token_ps,
        op_count_per_token_pj=run.op_count.ac_pj / run.n_tokens,
        dense_twin_per_token_pj=None if run.dense is None else run.dense.energy_per_token_pj,
        chips=run.result.n_chips,
        verdict=list(sentences(run)),
        warnings=list(run.all_warnings),
    )


def explain(report: str, layer: str = "*", action: str = "*", top: int = 10) -> Explanation:
    """Say where the energy of a report comes from; ``layer`` and ``action`` are patterns such as ``synapse.*``."""
    table = explain_table(Path(report), layer, action).head(max(top, 1))
    return Explanation(rows=json_rows(table[EXPLAINED]))


def compare(before: str, after: str) -> Comparison:
    """Say what differs between two reports, and what that does to energy and time."""
    first, second = read_reports([Path(before), Path(after)])
    causes = energy_causes(first, second), time_causes(first, second)
    return Comparison(headline=headline(first, second), energy_causes=causes[0], time_causes=causes[1])


def sweep(file: str, out: str) -> Sweep:
    """Simulate every point of a sweep file that the folder ``out`` does not hold yet."""
    found = run_sweep(load_sweep(file), out)
    return Sweep(
        folder=str(found.folder),
        computed=found.computed,
        reused=found.reused,
        failed=found.failed,
        points=json_rows(found.summary),
    )


TOOLS = (chips, traces, simulate, explain, compare, sweep)
