"""How a trace lies on a chip."""

from __future__ import annotations

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
    print_table(storage_summary(found.storage), "in memory beside weights: all stages, and the most on one core")
    chips = "chip" if found.n_chips == 1 else "chips"
    typer.echo(f"{found.cores_used} of {found.cores_total} cores on {found.n_chips} {chips}")


@app.command("map", rich_help_panel=MAPPING)
def map_(
    chip: ChipName = "loihi-like",
    trace: TraceName = DEFAULT_TRACE,
    set_: Overrides = None,
    compare: Annotated[bool, typer.Option("--compare", help="every strategy with every placement")] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="time with the network flit by flit, not its lower bound")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what the mapping of a trace costs, or compare all ways to map it."""
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
        time = "simulated time" if simulate else "time at least"
        print_table(table, f"{captured.name} on {chip_config.name}, whole trace; {time}")


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
