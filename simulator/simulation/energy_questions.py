"""Questions about energies that need no report: claims, published machines, break-even, worth, silicon."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.config import load_chip
from simulator.config.dense_twin import twin_from
from simulator.energy.claim_file import find_claim
from simulator.energy.claim_verdict import claims_table, contradictions, verdict_table
from simulator.energy.claims import SHAPES, shape_table
from simulator.energy.measured_band import band_sentence, band_table, points_table
from simulator.errors import SpikewattError, did_you_mean
from simulator.simulation.answer import Answer, Titled, json_rows, one_table
from simulator.trace.batches import copies_line
from simulator.trace.trace_files import load_trace

if TYPE_CHECKING:
    from simulator.config.chip import ChipConfig
    from simulator.mapping.mapped import Mapped
    from simulator.trace.trace import Trace

BATCHES = (1, 2, 4, 8)  # texts that generate together, unless others are given
TILES = (1, 8)  # tokens that share a row fetch, unless others are given


def published_claims(model: str | None, tokens: int, batch: int, causal: bool, head: bool, spikes: float) -> Answer:
    """All published claims next to their recomputation, or the op count of one model shape.

    Raises
    ------
    SpikewattError
        When ``model`` is not a known shape.
    """
    if model is None:
        return one_table(claims_table(), "published op-count energies, rebuilt from shapes and the 45 nm table")
    if model not in SHAPES:
        raise SpikewattError(f"--model {model}: expected one of {', '.join(SHAPES)}{did_you_mean(model, SHAPES)}")
    attention, with_head = "causal" if causal else "full", "in" if head else "out"
    table = shape_table(model, tokens, spikes, batch=batch, causal=causal, head=head)
    return one_table(table, f"{model}, {batch} x {tokens} tokens, {attention} attention, head {with_head}")


def defended_claim(claim: str, chips: Sequence[str] | None, counts_only: bool) -> Answer:
    """The verdict on each number of a claim, and what the claim leaves out on ``chips`` (by default two)."""
    read = find_claim(claim)
    # Loaded late: a refusal of the inputs needs no kernels.
    from simulator.energy.claim_cost import TWO_CHIPS, can_be_replayed, claim_costs
    from simulator.energy.claim_text import claim_dict, latex_table, paragraph

    replayed = not counts_only and (chips is not None or can_be_replayed(read))
    costs = claim_costs(read, chips or TWO_CHIPS) if replayed else ()
    parts: tuple[Titled | str, ...] = (
        Titled(verdict_table(read), f"{read.name} ({read.source})"),
        *(f"contradiction: {line}" for line in contradictions(read)),
        *(f"note: {line}" for line in (*((read.read,) if read.read else ()), *read.notes)),
        f"\n{latex_table(read, costs)}\n\n{paragraph(read, costs)}",
    )
    return Answer(parts, claim_dict(read, costs))


def published_band(report: Path | None, phase: str) -> Answer:
    """Published joules per token, with the run of ``report`` among them if one is given."""
    if report is None:
        return one_table(points_table(phase), f"published joules per token, {phase}")
    from simulator.report.band_finding import read_placed

    run, shares = read_placed(report)
    table, sentence = band_table(run), band_sentence(run, shares)
    title = f"{report} among published joules per token, {run.phase}"
    return Answer((Titled(table, title), sentence), {"points": json_rows(table), "finding": sentence})


def break_even(chip: str, overrides: Sequence[str], trace: str, dense: str | None, tokens: int) -> Answer:
    """Spikes per activation at which each layer costs as much as on ``dense``, or on the twin of the chip."""
    captured, spiking = load_trace(trace), load_chip(chip, overrides)
    twin = twin_from(spiking) if dense is None else load_chip(dense)
    from simulator.energy.breakeven import break_even_lines, break_even_table

    table = break_even_table(captured, spiking, twin, tokens)
    title = f"{captured.name}: {chip} against {twin.name}, each layer alone, energies per token"
    return one_table(table, title, *break_even_lines(table))


def worth_of_spiking(
    chip: str,
    overrides: Sequence[str],
    trace: str,
    tiles: Sequence[int] | None,
    tokens: int,
    progress: Callable[[str], None],
) -> Answer:
    """Energies under every code and tile next to the dense twin, for the first ``tokens`` of a trace."""
    captured = load_trace(trace).take(slice(0, tokens))
    load_chip(chip, overrides)
    # Loaded late: a refusal of the inputs needs no kernels.
    from simulator.energy.worth import ACCUMULATORS, worth_lines, worth_table

    table = worth_table(captured, lambda more: load_chip(chip, overrides, varied=more), list(tiles or TILES), progress)
    title = f"{captured.name}: {chip} under every code and its own dense twin, {captured.n_tokens} tokens"
    return one_table(table, title, *worth_lines(table), ACCUMULATORS)


def batch_costs(
    chip: str,
    overrides: Sequence[str],
    trace: str,
    batches: Sequence[int] | None,
    tokens: int,
    out: Path | None,
    progress: Callable[[str], None],
) -> Answer:
    """Energy and time of a generated token against the batch; drawn in ``out`` (.svg, .png or .pdf) where given.

    Raises
    ------
    SpikewattError
        When ``out`` is no figure, or not even one text fits.
    """
    load_chip(chip, overrides)
    captured = load_trace(trace)
    # Loaded late: a refusal of the inputs needs no kernels.
    from simulator.energy.batch_curve import batch_lines, batch_table, generated
    from simulator.report.export import check_figure, save_figure
    from simulator.report.figures.batch_chart import draw_batches
    from simulator.simulation.choice import choose

    if out is not None:
        check_figure(out)
    some, words = generated(captured, tokens)
    sizes = sorted(set(batches or BATCHES))

    one_by_one: list[int] = []

    def by_the_mapper(trace: Trace, chip: ChipConfig) -> Mapped:
        """The mapping that ``simulate`` takes by default."""
        mapped = choose(chip, trace, "auto").mapped
        if mapped.chip.schedule.kind != chip.schedule.kind:
            one_by_one.append(chip.schedule.batch)
        return mapped

    table = batch_table(some, lambda more: load_chip(chip, overrides, varied=more), sizes, progress, by_the_mapper)
    lines = [*batch_lines(table), *_one_by_one(one_by_one), *copies_line(some, sizes[-1])]
    if out is not None:
        lines.append(f"figure: {save_figure(draw_batches(table)[0], out)}")
    return one_table(table, f"{some.name} on {chip}, {words}, by the number of texts", *lines)


def _one_by_one(batches: Sequence[int]) -> Iterator[str]:
    """A line on batches whose texts cannot fill a pipeline."""
    if batches:
        yield (
            f"pipelined, batch of {', '.join(map(str, batches))}: the mapping lets stages share cores, so"
            " tokens pass one at a time; `simulate --schedule pipelined --batch B` gives each stage cores of its own"
        )


def silicon_comparison(whole_chip: bool, verbose: bool = False) -> Answer:
    """Simulated and published measurements part by part; it fails where an error drifted from the recorded one.

    ``verbose`` adds the notes of each case: its source, its settings, what it leaves out.
    """
    from simulator.energy.silicon_case import silicon_cases
    from simulator.energy.silicon_run import run_case
    from simulator.energy.silicon_table import drifted_lines, silicon_notes, silicon_table

    outcomes = [outcome for case in silicon_cases() for outcome in run_case(case, whole_chip)]
    table, notes, drifted = silicon_table(outcomes), silicon_notes(outcomes), drifted_lines(outcomes)
    title = "published measurements on silicon part by part, failed targets first; no price is fitted to them"
    parts: list[Titled | str] = [Titled(table.drop(columns=["chip", "published"]), title)]
    if not verbose:
        parts.append("sources, settings and what each case leaves out: -v")
    for points, lines in notes.items() if verbose else ():
        parts += [f"\n{points}", *(f"- {line}" for line in lines)]
    record = {"parts": json_rows(table), "notes": notes, "drifted": drifted}
    return Answer(tuple(parts), record, tuple(f"drifted: {line}" for line in drifted), bool(drifted))
