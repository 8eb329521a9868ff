"""Energies besides those of a simulation: claims of papers, tables of other tools, break-even, silicon."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.app import ENERGIES, app
from simulator.cli.options import DEFAULT_TRACE, AsJson, ChipName, Overrides, Quiet, TraceName
from simulator.cli.output import json_rows, print_json, print_table, print_warning
from simulator.errors import SpikewattError, did_you_mean


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
    from simulator.energy.claim_verdict import claims_table
    from simulator.energy.claims import SHAPES, shape_table

    if model is None:
        print_table(claims_table(), "published op-count energies, rebuilt from shapes and the 45 nm table")
        return
    if model not in SHAPES:
        raise SpikewattError(f"--model {model}: expected one of {', '.join(SHAPES)}{did_you_mean(model, SHAPES)}")
    attention, with_head = "causal" if causal else "full", "in" if head else "out"
    table = shape_table(model, tokens, spikes, batch=batch, causal=causal, head=head)
    print_table(table, f"{model}, {batch} x {tokens} tokens, {attention} attention, head {with_head}")


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
    from simulator.energy.claim_cost import TWO_CHIPS, can_be_replayed, claim_costs
    from simulator.energy.claim_file import find_claim
    from simulator.energy.claim_text import claim_dict, latex_table, paragraph
    from simulator.energy.claim_verdict import contradictions, verdict_table

    read = find_claim(claim)
    replayed = not counts_only and (chip is not None or can_be_replayed(read))
    costs = claim_costs(read, chip or TWO_CHIPS) if replayed else ()
    if as_json:
        print_json(claim_dict(read, costs))
        return
    print_table(verdict_table(read), f"{read.name} ({read.source})")
    for line in contradictions(read):
        typer.echo(f"contradiction: {line}")
    for line in (*((read.read,) if read.read else ()), *read.notes):
        typer.echo(f"note: {line}")
    typer.echo(f"\n{latex_table(read, costs)}\n\n{paragraph(read, costs)}")


@app.command(rich_help_panel=ENERGIES)
def band(
    report: Annotated[
        Path | None, typer.Argument(help="report folder; without one, the published numbers are listed")
    ] = None,
    phase: Annotated[str, typer.Option(help="phase, without a report: decode or prefill")] = "decode",
    as_json: AsJson = False,
) -> None:
    """Place the energy per token of a report among published joules per token of real machines."""
    from simulator.energy.measured_band import band_sentence, band_table, points_table
    from simulator.report.band_finding import read_placed

    if report is None:
        print_table(points_table(phase), f"published joules per token, {phase}")
        return
    run, shares = read_placed(report)
    table, sentence = band_table(run), band_sentence(run, shares)
    if as_json:
        print_json({"points": json_rows(table), "finding": sentence})
        return
    print_table(table, f"{report} among published joules per token, {run.phase}")
    typer.echo(sentence)


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
    from simulator.config import load_chip
    from simulator.config.dense_twin import twin_from
    from simulator.energy.breakeven import break_even_lines, break_even_table
    from simulator.trace.trace_files import load_trace

    captured = load_trace(trace)
    spiking = load_chip(chip, set_ or [])
    twin = twin_from(spiking) if dense is None else load_chip(dense)
    table = break_even_table(captured, spiking, twin, tokens)
    if as_json:
        print_json([{k: None if v == float("inf") else v for k, v in row.items()} for row in json_rows(table)])
    else:
        print_table(table, f"{captured.name}: {chip} against {twin.name}, each layer alone, energies per token")
        for line in break_even_lines(table):
            typer.echo(line)


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
    from simulator.config import load_chip
    from simulator.energy.worth import ACCUMULATORS, worth_lines, worth_table
    from simulator.report.progress import ProgressLine
    from simulator.trace.trace_files import load_trace

    captured = load_trace(trace).take(slice(0, tokens))
    with ProgressLine(quiet=quiet or as_json) as progress:
        table = worth_table(
            captured, lambda more: load_chip(chip, [*(set_ or []), *more]), tile or [1, 8], progress.say
        )
    if as_json:
        print_json([{k: None if v != v else v for k, v in row.items()} for row in json_rows(table)])
        return
    print_table(table, f"{captured.name}: {chip} under every code and its own dense twin, {captured.n_tokens} tokens")
    for line in (*worth_lines(table), ACCUMULATORS):
        typer.echo(line)


@app.command(name="validate-silicon", rich_help_panel=ENERGIES)
def validate_silicon(
    whole_chip: Annotated[
        bool,
        typer.Option("--whole-chip", help="also replay TrueNorth's held-out point on all 4,096 cores (takes minutes)"),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare simulated with published measurements on real chips, part by part.

    The exit code is 1 when an error is more than 2 points from the recorded table.
    """
    from simulator.energy.silicon_case import silicon_cases
    from simulator.energy.silicon_run import run_case
    from simulator.energy.silicon_table import drifted_lines, silicon_notes, silicon_table

    outcomes = [outcome for case in silicon_cases() for outcome in run_case(case, whole_chip)]
    table, notes, drifted = silicon_table(outcomes), silicon_notes(outcomes), drifted_lines(outcomes)
    if as_json:
        print_json({"parts": json_rows(table), "notes": notes, "drifted": drifted})
    else:
        shown = table.drop(columns=["chip", "published"])
        print_table(
            shown, "published measurements on silicon part by part, failed targets first; no price is fitted to them"
        )
        for points, lines in notes.items():
            typer.echo(f"\n{points}")
            for line in lines:
                typer.echo(f"- {line}")
    for line in drifted:
        print_warning(f"drifted: {line}")
    if drifted:
        raise typer.Exit(1)
