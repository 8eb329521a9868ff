"""Simulate a trace, and compare finished reports."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from simulator.choices import Logits, NetworkModel, Precision, SyncKind
from simulator.cli.app import SIMULATE, app
from simulator.cli.options import (
    DEFAULT_TRACE,
    AsJson,
    Batch,
    ChipName,
    Overrides,
    Quiet,
    TraceName,
)
from simulator.cli.output import print_answer, print_table, print_text
from simulator.cli.simulate_request import request_of
from simulator.errors import OutputError
from simulator.simulation.answer import one_table
from simulator.trace.codes import Code

SHOWN_CHANGES = 12  # of a comparison on the terminal


class FigureFile(StrEnum):
    """Kinds of figure files that are made on request."""

    png = "png"
    pdf = "pdf"


@app.command(rich_help_panel=SIMULATE)
def simulate(
    called: typer.Context,
    chip: ChipName = "loihi-like",
    trace: TraceName = DEFAULT_TRACE,
    encoding: Annotated[Code | None, typer.Option(help="replay the spike counts under this code")] = None,
    set_: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="report folder; default: reports/CHIP/TRACE")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the folder of --out and all that it holds")] = False,
    dense_twin: Annotated[
        str,
        typer.Option(
            metavar="auto|shipped|none|CHIP",
            help="dense chip to compare with: auto = made from the chip, shipped = shipped one of its node (else 45"
            " nm), or a name",
        ),
    ] = "auto",
    no_dense_twin: Annotated[bool, typer.Option("--no-dense-twin", help="same as --dense-twin none")] = False,
    noc: Annotated[
        NetworkModel | None,
        typer.Option(
            help="model of the network (overrides noc.model): cycle = every flit, estimate = formula, ideal = no"
            " contention"
        ),
    ] = None,
    schedule: Annotated[
        Literal["auto", "sequential", "pipelined"] | None,
        typer.Option(
            help="order of the tokens (overrides schedule.kind); auto, the default: prompts"
            " pipelined, generated tokens sequential"
        ),
    ] = None,
    chunk: Annotated[
        int | None,
        typer.Option(min=1, help="tokens of a prompt that pass each stage together (overrides schedule.chunk)"),
    ] = None,
    batch: Batch = None,
    sample_tokens: Annotated[
        str, typer.Option(help="number of tokens whose network is simulated, all, or auto (all up to 64)")
    ] = "auto",
    logits: Annotated[
        Logits | None,
        typer.Option(
            help="form logits of the last prompt token and each decoded one, or of all tokens (overrides"
            " schedule.logits)"
        ),
    ] = None,
    mapping: Annotated[
        str,
        typer.Option(
            metavar="auto|chip|FILE",
            help="widths of stages and layers: auto = chosen for the least energy, chip = those of the chip file, or"
            " those of"
            " a mapping file (spikewatt optimize --save)",
        ),
    ] = "auto",
    breakeven: Annotated[
        bool,
        typer.Option(
            "--breakeven",
            help="find by bisection at which spike rates the chip and its dense twin take the same energy",
        ),
    ] = False,
    sync: Annotated[
        SyncKind | None,
        typer.Option(help="how cores agree that a timestep has ended (overrides sync.kind)"),
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(help="model of the trace; checks that delivered spikes add up to the sums of its forward pass"),
    ] = None,
    timeline: Annotated[Path | None, typer.Option(help="write a timeline for Perfetto, e.g. timeline.json.gz")] = None,
    memory_limit: Annotated[
        str | None,
        typer.Option(help="do not start if more memory is needed, such as 4 GiB; default 80 % of the available memory"),
    ] = None,
    op_count: Annotated[Precision, typer.Option(help="precision of the 45 nm op count")] = "fp32",
    allow_uncosted: Annotated[
        bool, typer.Option(help="report actions without an energy price as 'uncosted' instead of stopping")
    ] = False,
    figures: Annotated[
        list[FigureFile] | None, typer.Option(help="write figures as files of this kind too, in addition to SVG")
    ] = None,
    latex: Annotated[bool, typer.Option("--latex", help="write tables for a paper too, in tables/*.tex")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="print one row per layer")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a trace on a chip and write a report."""
    from simulator.report.progress import ProgressLine
    from simulator.simulation.request import run_request

    request = request_of(called.params, shlex.join(["spikewatt", *sys.argv[1:]]))
    with ProgressLine(quiet=quiet or as_json) as progress:
        done = run_request(request, progress)
    if as_json:
        typer.echo((done.folder / "result.json").read_text(), nl=False)
        return
    from simulator.report.terminal import make_console, print_report

    print_report(done.run, make_console(), verbose=verbose, quiet=quiet)
    if (checked := done.verified) is not None:
        print_text(
            f"verified: {checked.n_sums} sums of {checked.n_layers} layers, computed from {checked.n_deliveries}"
            " delivered spikes, equal those of the forward pass"
        )
    print_text(f"report: {done.folder / 'report.html'}")


@app.command(rich_help_panel=SIMULATE)
def report(
    folders: Annotated[list[Path] | None, typer.Argument(help="report folders; default: all below reports/")] = None,
    as_json: AsJson = False,
) -> None:
    """List finished reports, one line each."""
    from simulator.report.overview import find_reports, overview

    print_answer(one_table(overview(folders or find_reports(Path("reports"))), "reports"), as_json=as_json)


@app.command(rich_help_panel=SIMULATE)
def explain(
    folder: Annotated[Path, typer.Argument(help="report folder, or a point of a sweep: its folder or id")],
    layer: Annotated[str, typer.Option(help='pattern of layers, as in a shell: "blocks.0.*"')] = "*",
    action: Annotated[str, typer.Option(help='pattern of component.action: "synapse.*"')] = "*",
    top: Annotated[int, typer.Option(min=1, help="number of rows to print, the largest first")] = 10,
    chip: Annotated[str | None, typer.Option(help="chip file of the report, if it is not a shipped one")] = None,
    as_json: AsJson = False,
) -> None:
    """Show where the energy of a report comes from: count, price, line of the chip file, paper, range."""
    from simulator.simulation.report_questions import explained
    from simulator.sweep.point_report import as_report

    print_answer(explained(as_report(folder), layer, action, top, chip), as_json=as_json)


@app.command(rich_help_panel=SIMULATE)
def compare(
    folders: Annotated[
        list[Path], typer.Argument(help="report folders or points of sweeps; each is compared with the first")
    ],
    out: Annotated[Path, typer.Option(help="page to write")] = Path("reports/compare.html"),
) -> None:
    """Show what differs between reports, and what that does to energy and time."""
    from simulator.report.compare import changes, read_reports
    from simulator.sweep.point_report import as_report

    folders = [as_report(folder) for folder in folders]
    inside = [folder for folder in folders if out.resolve().is_relative_to(folder.resolve())]
    if inside:
        raise OutputError(f"{out}: lies in the report {inside[0]}, expected another place for the comparison")
    first, *others = read_reports(folders)
    from simulator.report.compare_page import write_comparison
    from simulator.report.terminal import make_console, print_comparison

    page = write_comparison([first, *others], out)  # first: a reader that goes, as `head` does, costs no page
    for other in others:
        print_comparison(first, other, make_console())
        print_table(changes(first, other).head(SHOWN_CHANGES), "what was changed (the page has all)")
    print_text(f"comparison: {page}")
