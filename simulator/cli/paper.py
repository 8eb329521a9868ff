"""What a paper needs from finished reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.app import SIMULATE, app
from simulator.cli.output import print_text


@app.command(rich_help_panel=SIMULATE)
def paper(
    reports: Annotated[list[Path], typer.Argument(help="report folders, one column of the table each")],
    out: Annotated[Path, typer.Option(help="folder of the kit")] = Path("paper"),
    force: Annotated[bool, typer.Option("--force", help="replace the folder of --out and all that it holds")] = False,
) -> None:
    """Write what a paper needs: LaTeX tables with ranges, figures as PDF, methods, assumptions and refs.bib."""
    from simulator.report.paper.paper_kit import write_paper

    for file in write_paper(reports, out, force):
        print_text(str(file))
    print_text(f"next: cd {out} && latexmk -pdf paper.tex (or tectonic paper.tex)")
