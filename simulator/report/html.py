"""The report of a run as one HTML file: nothing to fetch, complete without script, readable on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.actions import is_power
from simulator.energy.breakeven import break_even_lines
from simulator.energy.thresholds import THRESHOLDS
from simulator.errors import ConservationError, OutputError
from simulator.mapping.fit import storage_frame, storage_summary
from simulator.report.analytic import analytic_table, threshold_sources, thresholds_finding
from simulator.report.band_finding import band_finding
from simulator.report.cells import as_cells
from simulator.report.figures import FIGURES, DrawnFigure, Formats, draw_figure, save_figures
from simulator.report.format import format_chips, format_energy, format_power, format_ratio, format_share, format_time
from simulator.report.headline import headline
from simulator.report.page import Section, make_section, render_page, script_data
from simulator.report.result_json import leaves
from simulator.report.run import Run
from simulator.report.run_manifest import manifest_dict
from simulator.report.side_by_side import side_by_side
from simulator.report.static_table import static_line
from simulator.report.storage_table import storage_line
from simulator.report.tables import assumption_table, comparison_table, owner_table, phase_table, waits_finding
from simulator.report.unit_table import unit_finding, unit_table
from simulator.report.verdict import bar, numbers, sentences
from simulator.report.what_if import what_if_of_run
from simulator.report.worth_section import worth_section

REPORT = "report.html"
SHOWN_ELSEWHERE = {"warnings", "files", "schema", "schema_version"}  # keys of records that the page has a place for


def render_html(run: Run, drawn: Mapping[str, DrawnFigure]) -> str:
    """The whole report as one offline page around its figures (`draw_figures`); the same run gives the same text."""
    return _page(run, _content(run), drawn)


def _page(run: Run, content: Mapping[str, object], drawn: Mapping[str, DrawnFigure]) -> str:
    """The page of its content and its figures."""
    sections = [figure_section(name, drawn[name]) for name in drawn]
    scripts = ("page_tables.js", "what_if.js")
    return render_page("report.html.j2", scripts=scripts, run=run, sections=sections, **content)


def _content(run: Run) -> dict[str, object]:
    """What the page says besides its figures.

    Raises
    ------
    ConservationError
        When the report does not add up.
    """
    checks = list(_checks(run))
    comparison = comparison_table(run)
    return {
        "repricing": script_data(what_if_of_run(run)),
        "facts": list(_facts(run)),
        "numbers": numbers(run),
        "sentences": sentences(run),
        "bar": bar(run),
        "headline": list(headline(run)),
        "comparison": as_cells(comparison.drop(columns=["energy_pj", "scope"])),
        "comparison_finding": _comparison_finding(comparison, run.precision),
        "scopes": _scopes(comparison),
        "phases": as_cells(phase_table(run)) if run.trace.phase == "mixed" else None,
        "waits": waits_finding(run),
        "worth": worth_section(run),
        "bisection": None if run.bisection is None else as_cells(run.bisection.layers),
        "bisection_finding": [] if run.bisection is None else break_even_lines(run.bisection.layers),
        "thresholds": as_cells(_thresholds(run)),
        "thresholds_finding": thresholds_finding(analytic_table(run)),
        "threshold_sources": threshold_sources(),
        "band_finding": band_finding(run),
        "units": as_cells(unit_table(run)),
        "units_finding": unit_finding(run),
        "layers": as_cells(_layers(run)),
        "layers_finding": _layers_finding(run),
        "storage": as_cells(storage_summary(storage_frame(run.mapped))),
        "storage_finding": storage_line(run).removeprefix("storage: "),
        "static_finding": static_line(run).removeprefix("static: "),
        "assumptions": as_cells(_assumptions(run)),
        "assumptions_finding": _assumptions_finding(run),
        "checks": checks,
        "manifest": list(_flat(manifest_dict(run, []))),
        "origin": list(_flat(run.trace.origin)),
    }


def write_page(run: Run, directory: Path, formats: Formats = ()) -> Path:
    """Write the page as ``report.html`` and its figures as files of ``figures/`` into ``directory``, which must exist.

    The figures are SVG; ``formats`` names further ones.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    path = directory / REPORT
    drawing = [partial(draw_figure, run, name, formats) for name in FIGURES]
    content, figures = side_by_side(partial(_content, run), drawing)
    drawn = dict(zip(FIGURES, figures, strict=True))
    save_figures(drawn, directory / "figures")
    try:
        path.write_text(_page(run, content, drawn), encoding="utf-8", newline="\n")
    except OSError as fault:
        raise OutputError(f"{path}: {fault.strerror}, expected a folder to write the report to") from fault
    return path


def figure_section(name: str, drawn: DrawnFigure) -> Section:
    """One figure with its words."""
    kind, frame = FIGURES[name], drawn.frame
    return make_section(name, kind.title, kind.picture, kind.reading, kind.finding(frame), drawn.svg, frame)


def _facts(run: Run) -> Iterator[str]:
    """What was run on what, for the line under the title."""
    result, encoding = run.result, run.trace.encoding
    yield f"{run.n_tokens} tokens ({run.trace.phase})"
    yield f"{encoding.label} spikes, {encoding.n_timesteps} timesteps"
    yield f"{len(result.cores)} of {result.cores_total} cores on {format_chips(result.n_chips)}"
    voltage = f", {run.chip.technology.voltage:g} V" if run.chip.technology.voltage is not None else ""
    yield f"{run.chip.technology.node_nm:g} nm{voltage}"


def _comparison_finding(table: pd.DataFrame, precision: str) -> str:
    """The chip against the op count of the run's precision, and against the dense twin when there is one."""
    over = dict(zip(table["model"], table["chip_over"], strict=True))
    op_count = f"45 nm {precision} AC (spiking)"
    finding = f"The chip uses {format_ratio(over[op_count])} the energy of the {precision} operation count"
    twins = [model for model in over if model.startswith("dense twin")]
    return finding + "".join(f" and {format_ratio(over[twin])} that of the {twin}" for twin in twins) + "."


def _scopes(table: pd.DataFrame) -> list[tuple[str, str]]:
    """What each model covers, models of the same scope together."""
    groups: dict[str, dict[str, None]] = {}
    for model, scope in zip(table["model"], table["scope"], strict=True):
        groups.setdefault(scope, {})["45 nm op counts" if model.startswith("45 nm") else model] = None
    return [(", ".join(models), scope) for scope, models in groups.items()]


def _layers(run: Run) -> pd.DataFrame:
    """`owner_table` per token with the bands of `Run.uncertainty`, without the columns that are zero everywhere."""
    table = owner_table(run)
    energies = [c for c in table.columns if c.endswith("_pj") and c != "energy_pj" and table[c].any()]
    band = ["band_from_pj", "band_to_pj"]
    table[band] = run.uncertainty.bands().set_index("owner").loc[table["owner"], ["low_pj", "high_pj"]].to_numpy()
    table["share"] = table["energy_pj"] / run.ledger.total_pj if run.ledger.total_pj else 0.0
    frame = table[["owner", "kind", "energy_pj", *band, "share", "n_dendrite.accumulate", *energies]].copy()
    frame = frame.rename(columns={"n_dendrite.accumulate": "accumulates"})
    frame["accumulates"] = (frame["accumulates"] / run.n_tokens).round().astype("int64")
    frame[[*energies, *band, "energy_pj"]] /= run.n_tokens
    return frame


def _thresholds(run: Run) -> pd.DataFrame:
    """`analytic_table` without what is the same for every layer, energies per token."""
    table = analytic_table(run).drop(columns=["timesteps", "twin_bits"])
    energies = ["lemaire_spiking_pj", "lemaire_dense_pj", "chip_pj"]
    table[energies] /= run.n_tokens
    return table.rename(columns={threshold.name: threshold.title for threshold in THRESHOLDS})


def _layers_finding(run: Run) -> str:
    """The most expensive single entry that belongs to a layer."""
    layers = run.ledger.by_owner().drop("chip", errors="ignore")
    if not len(layers) or not run.ledger.total_pj:
        return "No layer spent energy."
    top = str(layers.idxmax())
    return (
        f"{len(layers)} layers, operations and stages; the most expensive is {top} with"
        f" {format_energy(float(layers[top]) / run.n_tokens)} per token,"
        f" {format_share(float(layers[top]) / run.ledger.total_pj)} of the total."
    )


def _assumptions(run: Run) -> pd.DataFrame:
    """`assumption_table` with the price, its range and its unit in words."""
    table = assumption_table(run)
    prices = [_price(row) for row in table.to_dict("records")]
    frame = pd.DataFrame(
        {
            "action": table["action"],
            "price": [price for price, _ in prices],
            "range": [span for _, span in prices],
            "count": table["count"],
            "energy_pj": table["energy_pj"],
            "share": table["share"],
            "grade": table["grade"],
            "source": [
                f"{citation}. Note: {note}" if note else citation
                for citation, note in zip(table["citation"], table["note"], strict=True)
            ],
        }
    )
    return frame if frame["range"].any() else frame.drop(columns="range")


def _price(row: Mapping[Any, Any]) -> tuple[str, str]:
    """A price in words and, where the chip file gives one, its range. Static power is counted in chip-ps: pJ/ps = W."""
    value, low, high = row["pj_per_count"], row["low_pj_per_count"], row["high_pj_per_count"]
    if pd.isna(value):
        return "included in another price", ""
    static = is_power(str(row["action"]))
    write = format_power if static else format_energy
    per = "chip" if static else str(row["unit"]).partition("/")[2]
    ends = [(word, write(end)) for word, end in (("from", low), ("to", high)) if pd.notna(end)]
    span = " ".join(f"{word} {end}" for word, end in ends)
    return (write(value) if per == "operation" else f"{write(value)}/{per}"), span


def _assumptions_finding(run: Run) -> str:
    """How much of the total rests on which grade; what is assumed comes first."""
    shares = run.ledger.grade_shares()
    others = ", ".join(f"{format_share(s)} {grade}" for grade, s in shares.items() if grade != "assumed" and s > 0)
    finding = f"{format_share(run.ledger.assumed_share)} of this total rests on assumed prices"
    return f"{finding}; the rest: {others}." if others else f"{finding}."


def _checks(run: Run) -> Iterator[str]:
    """The identities that hold in this report, each checked here."""
    yield run.ledger.conservation_line(format_energy)
    stages = int(run.result.stages["total_ps"].sum())
    if stages != run.result.total_ps:
        raise ConservationError(f"time: stages add up to {stages} ps, expected the total {run.result.total_ps} ps")
    yield f"Σ stages = total time: {format_time(run.result.total_ps)}"
    yield "op count + Σ steps of the bridge = total energy"  # bridge_frame has refused to draw anything else


def _flat(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Key and value of every leaf; what the page shows elsewhere (warnings, files) is left out."""
    for path, value in leaves(record):
        if value is not None and SHOWN_ELSEWHERE.isdisjoint(path):
            yield ".".join(path), str(value)
