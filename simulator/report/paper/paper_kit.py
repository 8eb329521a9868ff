"""The folder of a paper kit: an article of two columns that compiles, and its parts to copy from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from simulator import __version__
from simulator.errors import OutputError
from simulator.outputs.output_folder import FolderKind, check_folder, replaced_folder
from simulator.report.latex_text import breakable
from simulator.report.paper.bibliography import bibliography, citation_keys
from simulator.report.paper.methods_text import methods_text
from simulator.report.paper.paper_report import PaperReport, read_paper_reports
from simulator.report.paper.price_table import price_tables

SCHEMA, MARKER = "spikewatt/paper", "paper.json"
PAPER_FOLDER = FolderKind("paper kit", MARKER, SCHEMA)
CAPTIONS = {
    "energy": "Energy per token by part. A whisker, where drawn, is the range of the total in Table~\\ref{tab:energy}.",
    "time": "Time by part. Compute, network, transfer of results, vector unit, barrier.",
    "layers": "Energy per token by kind of layer, summed over the blocks. The axis is logarithmic.",
}
_PREAMBLE = r"""\documentclass[10pt,twocolumn]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[letterpaper,hmargin=0.75in,vmargin=1in,columnsep=0.2in]{geometry}
\usepackage{booktabs,graphicx}
\emergencystretch=3em
\title{Energy per token}
\author{}
\date{}
\begin{document}
\maketitle
"""


def write_paper(folders: Sequence[Path], out: Path, force: bool = False) -> tuple[Path, ...]:
    """Write the kit of finished reports as the folder ``out`` and return its files.

    ``paper.tex`` (includes all), ``methods.tex``, ``energy.tex`` (the table), ``prices-<n>.tex`` (the assumptions of
    each report), ``refs.bib``, ``figures/<name>-<width>in.pdf``, and ``paper.json``, which lists them. An earlier kit
    is replaced, other files in it stay. The same reports make the same bytes.

    Raises
    ------
    OutputError
        See `read_paper_reports`; ``out`` cannot be written, holds something else, or holds one of the reports.
    """
    inside = [folder for folder in folders if folder.resolve().is_relative_to(out.resolve())]
    if inside:
        raise OutputError(f"{out}: holds the report {inside[0]}, expected another folder for the paper kit")
    check_folder(out, PAPER_FOLDER, force)
    contents = dict(_contents(read_paper_reports(folders)))
    about = {"schema": SCHEMA, "spikewatt": __version__, "reports": [str(x) for x in folders], "files": list(contents)}
    try:
        with replaced_folder(out, PAPER_FOLDER, force) as made:
            for name, content in contents.items():
                (made / name).parent.mkdir(exist_ok=True)
                (made / name).write_bytes(content)
            (made / MARKER).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{out}: cannot write the paper kit: {error.strerror or error}") from error
    return tuple(out / name for name in contents)


def _contents(reports: Sequence[PaperReport]) -> Iterator[tuple[str, bytes]]:
    """(relative path, bytes) of every file but the marker."""
    from simulator.report.paper.energy_table import energy_table  # loaded late: matplotlib, which no refusal needs
    from simulator.report.paper.paper_figures import paper_figures, shares_text

    keys = citation_keys(reports)
    largest = "; ".join(f"{breakable(report.label)}: {breakable(shares_text(report))}" for report in reports)
    yield "paper.tex", _article(largest, len(reports)).encode()
    yield "methods.tex", methods_text(reports).encode()
    yield "energy.tex", energy_table(reports).encode()
    for number, report in enumerate(reports, start=1):
        yield f"prices-{number}.tex", price_tables(report, number, keys).encode()
    yield "refs.bib", bibliography(keys).encode()
    for name, content in paper_figures(reports):
        yield f"figures/{name}.pdf", content


def _article(largest: str, n_reports: int) -> str:
    """``paper.tex``; ``largest`` says which parts of the energy are."""
    lines = [
        r"\section*{Methods}",
        r"\input{methods}",
        r"\section*{Results}",
        rf"Table~\ref{{tab:energy}} and Figure~\ref{{fig:energy}} show the energy per token. Largest parts: {largest}.",
        r"Figure~\ref{fig:time} shows where the time goes, Figure~\ref{fig:layers} which layers take the energy.",
        r"\input{energy}",
        *(_figure(name, caption) for name, caption in CAPTIONS.items()),
        *(rf"\input{{prices-{number}}}" for number in range(1, n_reports + 1)),
        r"\bibliographystyle{plain}",
        r"{\raggedright\bibliography{refs}}",
        r"\end{document}",
        "",
    ]
    return _PREAMBLE + "\n".join(lines)


def _figure(name: str, caption: str) -> str:
    """A figure at its own size, so that its text stays at 8 pt."""
    return "\n".join(
        [
            r"\begin{figure}[t]",
            r"\centering",
            rf"\includegraphics{{figures/{name}-3.3in.pdf}} % in figure*: figures/{name}-7in.pdf",
            rf"\caption{{{caption}}}",
            rf"\label{{fig:{name}}}",
            r"\end{figure}",
        ]
    )
