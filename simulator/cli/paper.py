"""What is made of finished reports for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.app import SIMULATE, app


@app.command(rich_help_panel=SIMULATE)
def paper(
    reports: Annotated[list[Path], typer.Argument(help="report folders; each is a column of the table")],
    out: Annotated[Path, typer.Option(help="folder of the kit")] = Path("paper"),
    force: Annotated[bool, typer.Option("--force", help="replace the folder of --out and all that it holds")] = False,
) -> None:
    """Make the kit of a paper: LaTeX table with ranges, figures as PDF, methods, assumptions, refs.bib, an article."""
    from simulator.report.paper.paper_kit import write_paper

    for file in write_paper(reports, out, force):
        typer.echo(str(file))
    typer.echo(f"next: cd {out} && latexmk -pdf paper.tex (or tectonic paper.tex)")
