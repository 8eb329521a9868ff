"""How a trace lies on a chip."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_args

import typer

from simulator.choices import NetworkModel, SyncKind
from simulator.cli.app import MAPPING, app
from simulator.cli.options import DEFAULT_TRACE, AsJson, ChipName, Overrides, Quiet, TraceName
from simulator.cli.output import json_rows, print_json, print_table


@app.command(rich_help_panel=MAPPING)
def fit(chip: ChipName = "loihi-like", trace: TraceName = DEFAULT_TRACE, set_: Overrides = None) -> None:
    """Show how a trace fits a chip, without simulating."""
    from simulator.config import load_chip
    from simulator.mapping.fit import fit as run_fit
    from simulator.mapping.fit import storage_summary
    from simulator.trace.trace_files import load_trace

    captured = load_trace(trace)
    found = run_fit(captured, load_chip(chip, set_ or []))
    print_table(found.rows, f"{captured.name} on {chip}: the largest block of each owner; util = used / limit")
    print_table(storage_summary(found.storage), "in memory next to the weights: all stages, and the most on one core")
    chips = "chip" if found.n_chips == 1 else "chips"
    typer.echo(f"{found.cores_used} of {found.cores_total} cores on {found.n_chips} {chips}")


@app.command("map", rich_help_panel=MAPPING)
def map_(
    chip: ChipName = "loihi-like",
    trace: TraceName = DEFAULT_TRACE,
    set_: Overrides = None,
    compare: Annotated[bool, typer.Option("--compare", help="every strategy with every placement")] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="simulate the network flit by flit instead of its lower bound")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what the mapping of a trace costs, or compare all mapping strategies and placements."""
    from simulator.config import load_chip
    from simulator.report.mappings import compare_mappings, own_mapping
    from simulator.report.progress import ProgressLine
    from simulator.trace.trace_files import load_trace

    captured, chip_config = load_trace(trace), load_chip(chip, set_ or [])
    network: NetworkModel = "cycle" if simulate else "ideal"
    with ProgressLine(quiet=quiet or as_json) as progress:
        way = compare_mappings if compare else own_mapping
        table = way(captured, chip_config, network, progress)
    if as_json:
        print_json(json_rows(table))
    else:
        time = "simulated time" if simulate else "time (lower bound)"
        print_table(table, f"{captured.name} on {chip_config.name}, whole trace; {time}")


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
    from simulator.config import load_chip
    from simulator.mapper.mapping_file import MAPPING as MAPPING_FILE
    from simulator.mapper.mapping_file import save_mapping
    from simulator.mapper.optimize import optimize as find
    from simulator.outputs.output_file import check_writable_file
    from simulator.report.mapping_search import front_table, json_of, mapping_lines, summary_lines, without_table
    from simulator.report.progress import ProgressLine
    from simulator.trace.trace_files import load_trace

    captured, chip_config = load_trace(trace), load_chip(chip, set_ or [])
    if save is not None:
        check_writable_file(save, MAPPING_FILE)
    with ProgressLine(quiet=quiet or as_json) as progress:
        found = find(chip_config, captured, objective.value, max_chips, check, progress.say)
    if save is not None:
        save_mapping(found.mapping, save)
    if as_json:
        print_json(json_of(found))
        return
    title = f"{captured.name} on {chip_config.name}"
    if not quiet:
        print_table(front_table(found), f"{title}: energy against time against chips, before placement")
    for line in (*summary_lines(found), *mapping_lines(found.mapping)):
        typer.echo(line)
    if not quiet and found.without:
        print_table(without_table(found), f"{title}: cost without each of its choices")
    if save is not None:
        typer.echo(f"mapping: {save}")


@app.command(rich_help_panel=MAPPING)
def sync(
    chip: ChipName = "loihi-like",
    trace: TraceName = DEFAULT_TRACE,
    set_: Overrides = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare barriers with handshakes: time, packets and energy of a trace under both."""
    from simulator.config import load_chip
    from simulator.report.progress import ProgressLine
    from simulator.report.syncs import compare_syncs
    from simulator.trace.trace_files import load_trace

    chips = [load_chip(chip, [*(set_ or []), f"sync.kind={kind}"]) for kind in get_args(SyncKind)]
    captured = load_trace(trace)
    with ProgressLine(quiet=quiet or as_json) as progress:
        table = compare_syncs(captured, chips, progress.say)
    if as_json:
        print_json(json_rows(table))
    else:
        print_table(table, f"{captured.name} on {chips[0].name}; time and energy per token")
