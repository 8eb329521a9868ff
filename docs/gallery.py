"""The gallery of the manual: simulates a part of a shipped trace, draws every figure, writes a page with captions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import spikewatt
from simulator.config import load_sweep
from simulator.config.dense_twin import twin_from
from simulator.report.compare import read_reports
from simulator.report.compare_page import difference_sections
from simulator.report.figures import FIGURES, draw_figures
from simulator.report.html import figure_section
from simulator.report.page import Section
from simulator.report.report_files import write_report
from simulator.sweep.runner import run_sweep
from simulator.sweep.sweep_page import sweep_sections

TRACE, CHIP, CHANGE = "shakespeare-ternary-T15", "loihi-like", "core.synapse.lanes=2"
FIXED = "chip.static_fixed=true"
TOKENS = 8  # of the trace: enough for every figure, and the manual builds in seconds
SWEEP = """
name: gallery
summary: memory against lanes
base: sdllm-asic-45nm
trace: trace.npz
mapping: chip
axes: {core.sram.capacity: [16 KiB, 64 KiB], core.synapse.lanes: [8, 32]}
objectives: [energy.per_token_pj, latency.per_token_ps]
"""
# As the pages of the program do it: hatching tells parts apart in print alone.
SCREEN = "<style>@media screen { pattern path { display: none; } }</style>"
HEAD = f"""# Gallery

Every figure that spikewatt draws, for {TOKENS} tokens of the shipped trace `{TRACE}`. The sentence above
a figure is its finding; the program writes it from the data. `docs/gallery.py` draws the figures each time the
manual is built. In Python, `run.plot.NAME()` draws a figure of a run; the names are in parentheses.
"""


def write_gallery(folder: Path) -> str:
    """Draw every figure into ``folder`` as SVG; returns the page as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        groups = {
            f"One run: `spikewatt simulate --chip {CHIP} --mapping chip`": of_run(),
            f"Two runs: `spikewatt compare`, with `--set {CHANGE}`": of_comparison(Path(scratch)),
            "Many runs: `spikewatt sweep FILE`": of_sweep(Path(scratch)),
        }
        return HEAD + "".join(f"\n## {title}\n\n{words(sections, folder)}" for title, sections in groups.items())


def run_of(*overrides: str):  # noqa: ANN201 - a run of the program
    """A run of the trace on the chip with these values changed, and its twin."""
    chip = spikewatt.load_chip(CHIP, overrides)
    return spikewatt.simulate(chip, trace(), dense_chip=twin_from(chip), mapping="chip")


def trace():  # noqa: ANN201 - a trace of the program
    """The first tokens of the shipped trace."""
    return spikewatt.load_trace(TRACE).take(slice(0, TOKENS))


def of_run() -> Iterator[Section]:
    """The figures of a report."""
    return (figure_section(name, drawn) for name, drawn in draw_figures(run_of()).items())


def of_comparison(scratch: Path) -> Iterator[Section]:
    """The figures of a comparison of two reports."""
    changes = {"before": (FIXED,), "after": (FIXED, CHANGE)}
    runs = {name: run_of(*overrides) for name, overrides in changes.items()}
    reports = read_reports([write_report(run, scratch / name) for name, run in runs.items()])
    return (section._replace(title=section.title.partition(":")[0]) for section in difference_sections(1, *reports))


def of_sweep(scratch: Path) -> Iterator[Section]:
    """The figures of a sweep."""
    spikewatt.save_trace(trace(), scratch / "trace.npz")
    (scratch / "sweep.yaml").write_text(SWEEP, encoding="utf-8")
    return sweep_sections(run_sweep(load_sweep(scratch / "sweep.yaml"), scratch / "points"))


def words(sections: Iterable[Section], folder: Path) -> str:
    """Each figure as a file in ``folder``, and its place in the page with finding and caption."""
    lines = []
    for section in sections:
        (folder / f"{section.name}.svg").write_text(str(section.svg).replace(">", f">{SCREEN}", 1), encoding="utf-8")
        name = f" (`{section.name}`)" if section.name in FIGURES else ""
        alt = section.alt.replace("\n", " ")
        figure = f"```{{figure}} generated/gallery/{section.name}.svg\n:alt: {alt}\n:figclass: gallery\n"
        lines.append(f"### {section.title}{name}\n\n{section.finding}\n\n{figure}\n{section.reading}\n```\n")
    return "\n".join(lines)
