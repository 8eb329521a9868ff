"""How a trace lies on a chip."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.app import MAPPING, app
from simulator.cli.options import DEFAULT_TRACE, AsJson, Batch, ChipName, Overrides, Quiet, TraceName
from simulator.cli.output import print_answer


def _with_batch(overrides: list[str] | None, batch: int | None) -> list[str]:
    """The overrides of a command, and its --batch as one of them."""
    return [*(overrides or []), *([] if batch is None else [f"schedule.batch={batch}"])]


@app.command(rich_help_panel=MAPPING)
def fit(
    chip: ChipName = "loihi-like", trace: TraceName = DEFAULT_TRACE, set_: Overrides = None, batch: Batch = None
) -> None:
    """Show how a trace fits a chip, without simulating."""
    from simulator.simulation.mapping_questions import fit_of_trace

    print_answer(fit_of_trace(chip, _with_batch(set_, batch), trace))


@app.command("map", rich_help_panel=MAPPING)
def map_(
    chip: ChipName = "loihi-like",
    trace: TraceName = DEFAULT_TRACE,
    set_: Overrides = None,
    batch: Batch = None,
    compare: Annotated[bool, typer.Option("--compare", help="every strategy with every placement")] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="simulate the network flit by flit instead of its lower bound")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what the mapping of a trace costs, or compare all mapping strategies and placements."""
    from simulator.report.progress import ProgressLine
    from simulator.simulation.mapping_questions import mapping_costs

    with ProgressLine(quiet=quiet or as_json) as progress:
        found = mapping_costs(chip, _with_batch(set_, batch), trace, compare, simulate, progress)
    print_answer(found, as_json=as_json)


class Objective(StrEnum):
    """What the mapper minimizes."""

    energy = "energy"
    latency = "latency"
    edp = "edp"
    throughput = "throughput"


@app.command(rich_help_panel=MAPPING)
def optimize(
    chip: ChipName = "loihi-like",
    trace: TraceName = DEFAULT_TRACE,
    set_: Overrides = None,
    batch: Batch = None,
    objective: Annotated[
        Objective,
        typer.Option(
            help="what to minimize: energy or latency of a token, their product (edp), or the time between tokens"
            " (throughput)"
        ),
    ] = Objective.energy,
    max_chips: Annotated[
        int | None,
        typer.Option(min=1, help="most chips to use; default: 64, or as many as the chip file's mapping uses"),
    ] = None,
    check: Annotated[
        bool, typer.Option(help="check the best mappings with the engine, and the chosen one flit by flit")
    ] = True,
    save: Annotated[
        Path | None, typer.Option(help="write the mapping to this file, for simulate --mapping FILE")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the mapping that minimizes an objective, and what each of its choices is worth."""
    from simulator.report.progress import ProgressLine
    from simulator.simulation.mapping_questions import best_mapping

    with ProgressLine(quiet=quiet or as_json) as progress:
        found = best_mapping(
            chip, _with_batch(set_, batch), trace, objective.value, max_chips, check, save, progress.say
        )
    print_answer(found, as_json=as_json, quiet=quiet)


@app.command(rich_help_panel=MAPPING)
def sync(
    chip: ChipName = "loihi-like",
    trace: TraceName = DEFAULT_TRACE,
    set_: Overrides = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare barriers with handshakes: time, packets and energy of a trace under both."""
    from simulator.report.progress import ProgressLine
    from simulator.simulation.mapping_questions import sync_comparison

    with ProgressLine(quiet=quiet or as_json) as progress:
        found = sync_comparison(chip, set_ or [], trace, progress.say)
    print_answer(found, as_json=as_json)
