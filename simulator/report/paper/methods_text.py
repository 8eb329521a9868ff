"""The methods paragraph: what was simulated, with what, and what the numbers rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulator.report.format import format_chips, format_share
from simulator.report.latex_text import breakable
from simulator.report.paper.bibliography import SPIKEWATT
from simulator.report.paper.paper_report import PaperReport


def methods_text(reports: Sequence[PaperReport]) -> str:
    """The paragraph as LaTeX; what is the same in all reports is said once."""
    said = [
        rf"We replayed captured spikes on chip models with spikewatt {_versions(reports)}~\cite{{{SPIKEWATT}}}."
        r" Energy is the sum of counted actions times the price of each, plus static power over the time of the run.",
        *dict.fromkeys(_trace(report.result["trace"]) for report in reports),
        *(sentence for number, report in enumerate(reports, start=1) for sentence in _chip(number, report)),
        r"The operation count prices additions of the linear layers alone at 45\,nm. A dense twin runs the same layers"
        r" on the same chip with multipliers: every activation is sent once, as an integer.",
        *_ranges(reports),
        *_warnings(reports),
    ]
    return "\n".join(said) + "\n"


def _versions(reports: Sequence[PaperReport]) -> str:
    """Versions of the program, with the commit where it is known."""
    found = []
    for report in reports:
        git = report.manifest.get("git")
        commit = f" (commit {str(git['commit'])[:8]})" if isinstance(git, Mapping) and git.get("commit") else ""
        found.append(breakable(report.manifest["packages"]["spikewatt"] + commit))
    return " and ".join(dict.fromkeys(found))


def _trace(trace: Mapping[str, Any]) -> str:
    """The trace in words."""
    origin = trace.get("origin")
    origin = origin if isinstance(origin, Mapping) else {}
    words = (
        f"The trace {breakable(trace['name'])} has {trace['tokens']} tokens ({breakable(str(trace.get('phase')))})"
        f" and {trace.get('layers')} linear layers, encoded as {breakable(str(trace.get('encoding')))} spikes with"
        f" $T = {trace.get('timesteps')}$."
    )
    perplexity = origin.get("perplexity")
    if isinstance(perplexity, Mapping) and all(
        isinstance(perplexity.get(x), (int, float)) for x in ("float", "spiking")
    ):
        words += (
            f" Perplexity is {perplexity['float']:.2f} in floating point and {perplexity['spiking']:.2f} with spikes."
        )
    return words


def _chip(number: int, report: PaperReport) -> Iterator[str]:
    """One report: chip, mapping, schedule, and how well its prices are known."""
    chip, result = report.result["chip"], report.result
    used = result["utilization"]
    mapping = report.manifest.get("mapping")
    mapped = "the mapping of its chip file" if mapping == "chip" else "a mapping chosen for the least energy"
    if isinstance(mapping, Mapping) and isinstance(mapping.get("objective"), str):
        mapped = f"a mapping chosen for the least {breakable(mapping['objective'])}"
    node = f"{chip['node_nm']:g}\\,nm" if isinstance(chip.get("node_nm"), (int, float)) else "node not stated"
    shares = result["energy"].get("share_by_grade")
    shares = shares if isinstance(shares, Mapping) else {}
    grades = [f"{breakable(format_share(share))} {breakable(grade)}" for grade, share in shares.items() if share]
    yield (
        f"{breakable(report.label)} ({node}; {breakable(str(chip.get('summary', chip['name'])))}) uses"
        f" {used['cores_used']} cores on {format_chips(used.get('chips'))}, with {mapped}."
        f" Its energy rests on prices that are {', '.join(grades)} (Table~\\ref{{tab:prices-{number}}})."
    )


def _ranges(reports: Sequence[PaperReport]) -> Iterator[str]:
    """How the ranges were found, where the reports say so."""
    found = [report.result["energy"].get("uncertainty") for report in reports]
    draws = dict.fromkeys(band.get("draws") for band in found if isinstance(band, Mapping))
    if draws:
        yield (
            f"Ranges run from the 5\\,\\% to the 95\\,\\% quantile of {' or '.join(map(str, draws))} draws"
            r" of all prices from their published ranges, and to the value where it lies outside. Prices without a"
            r" published range stay at their value."
        )


def _warnings(reports: Sequence[PaperReport]) -> Iterator[str]:
    """The assumptions of the model, each once."""
    texts = dict.fromkeys(str(line) for report in reports for line in report.result.get("warnings") or ())
    if texts:
        yield "Assumptions of the model: " + "; ".join(breakable(text) for text in texts) + "."
