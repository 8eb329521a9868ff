"""Energies besides those of a simulation: claims of papers, tables of other tools, break-even, silicon."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.app import ENERGIES, app
from simulator.cli.options import DEFAULT_TRACE, AsJson, ChipName, Overrides, Quiet, TraceName
from simulator.cli.output import print_answer, print_warning


@app.command(rich_help_panel=ENERGIES)
def claims(
    model: Annotated[
        str | None, typer.Option(help="operation count of a model shape instead: llama-2-7b, -13b, llama-3-8b")
    ] = None,
    tokens: Annotated[int, typer.Option(min=1, help="length of the prompt")] = 1024,
    batch: Annotated[int, typer.Option(min=1, help="prompts")] = 1,
    causal: Annotated[
        bool, typer.Option(help="count attention over the positions before each token, not over all")
    ] = False,
    head: Annotated[bool, typer.Option(help="count the LM head")] = False,
    spikes: Annotated[float, typer.Option(min=1e-6, help="spikes per multiply-accumulate")] = 1.0,
) -> None:
    """Compare energies that papers print with the same op counts, computed here."""
    from simulator.simulation.energy_questions import published_claims

    print_answer(published_claims(model, tokens, batch, causal, head, spikes))


@app.command(rich_help_panel=ENERGIES)
def defend(
    claim: Annotated[
        str, typer.Argument(help="shipped claim, or a claim.yaml with shape, L, T, counts and printed energies")
    ],
    chip: Annotated[
        list[str] | None, typer.Option(help="chip for what the claim leaves out; default: two shipped chips")
    ] = None,
    counts_only: Annotated[bool, typer.Option("--counts-only", help="replay no block on chips")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the energies of a paper digit by digit, and show on chips what they leave out (as LaTeX too)."""
    from simulator.simulation.energy_questions import defended_claim

    print_answer(defended_claim(claim, chip, counts_only), as_json=as_json)


@app.command(rich_help_panel=ENERGIES)
def band(
    report: Annotated[
        Path | None, typer.Argument(help="report folder; without one, the published numbers are listed")
    ] = None,
    phase: Annotated[str, typer.Option(help="phase, without a report: decode or prefill")] = "decode",
    as_json: AsJson = False,
) -> None:
    """Place the energy per token of a report among published joules per token of real machines."""
    from simulator.simulation.energy_questions import published_band

    print_answer(published_band(report, phase), as_json=as_json)


@app.command(name="export-ert", rich_help_panel=ENERGIES)
def export_ert(
    chip: ChipName = "loihi-like",
    set_: Overrides = None,
    area: Annotated[bool, typer.Option(help="write the area reference table (ART) instead")] = False,
) -> None:
    """Write the prices of a chip as an Accelergy energy reference table (ERT) to stdout."""
    from simulator.config import load_chip
    from simulator.energy.accelergy import art_text, ert_text

    table = art_text if area else ert_text
    typer.echo(table(load_chip(chip, set_ or [])), nl=False)


@app.command(name="import-ert", rich_help_panel=ENERGIES)
def import_ert(
    file: Annotated[Path, typer.Argument(help="Accelergy energy reference table (.yaml)")],
    base: Annotated[str, typer.Option(help="chip that the new one extends")] = "sdllm-asic-45nm",
    name: Annotated[str, typer.Option(help="name of the new chip")] = "imported",
) -> None:
    """Write a chip file with the energies of an Accelergy table to stdout; warn about rows that are not prices."""
    from simulator.energy.ert_import import import_ert as run_import

    made = run_import(file, base, name)
    for note in made.notes:
        print_warning(note)
    typer.echo(made.text, nl=False)


@app.command(rich_help_panel=ENERGIES)
def breakeven(
    chip: ChipName = "sdllm-asic-45nm",
    trace: TraceName = DEFAULT_TRACE,
    dense: Annotated[str | None, typer.Option(help="chip with replay: dense; default: made from the chip")] = None,
    set_: Overrides = None,
    tokens: Annotated[int, typer.Option(min=1, help="prompt tokens simulated per layer")] = 16,
    as_json: AsJson = False,
) -> None:
    """Find the spikes per activation at which each layer costs as much as on the dense twin."""
    from simulator.simulation.energy_questions import break_even

    print_answer(break_even(chip, set_ or [], trace, dense, tokens), as_json=as_json)


@app.command(rich_help_panel=ENERGIES)
def worth(
    chip: ChipName = "sdllm-asic-45nm",
    trace: TraceName = DEFAULT_TRACE,
    set_: Overrides = None,
    tile: Annotated[
        list[int] | None, typer.Option(min=1, help="tokens that share a row fetch; default: 1 and 8")
    ] = None,
    tokens: Annotated[int, typer.Option(min=1, help="simulate this many tokens, from the start of the trace")] = 16,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare codes and tiles with the dense twin: whether spiking pays off here, and what would change that."""
    from simulator.report.progress import ProgressLine
    from simulator.simulation.energy_questions import worth_of_spiking

    with ProgressLine(quiet=quiet or as_json) as progress:
        found = worth_of_spiking(chip, set_ or [], trace, tile, tokens, progress.say)
    print_answer(found, as_json=as_json)


@app.command(rich_help_panel=ENERGIES)
def batch(
    chip: ChipName = "loihi-like",
    trace: TraceName = DEFAULT_TRACE,
    set_: Overrides = None,
    size: Annotated[
        list[int] | None, typer.Option(min=1, help="texts that generate together; default: 1, 2, 4 and 8")
    ] = None,
    tokens: Annotated[int, typer.Option(min=1, help="simulate this many generated tokens of each text")] = 4,
    out: Annotated[Path | None, typer.Option(help="draw the curve in this file: .svg, .png or .pdf")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what a generated token costs when several texts generate together: energy and time by batch."""
    from simulator.report.progress import ProgressLine
    from simulator.simulation.energy_questions import batch_costs

    with ProgressLine(quiet=quiet or as_json) as progress:
        found = batch_costs(chip, set_ or [], trace, size, tokens, out, progress.say)
    print_answer(found, as_json=as_json)


@app.command(name="validate-silicon", rich_help_panel=ENERGIES)
def validate_silicon(
    whole_chip: Annotated[
        bool,
        typer.Option("--whole-chip", help="also replay TrueNorth's held-out point on all 4,096 cores (takes minutes)"),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="also the source, the settings and the gaps of each case")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare simulated with published measurements on real chips, part by part.

    The exit code is 1 when an error is more than 2 points from the recorded table.
    """
    from simulator.simulation.energy_questions import silicon_comparison

    print_answer(silicon_comparison(whole_chip, verbose), as_json=as_json)
