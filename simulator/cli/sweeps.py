"""Many chips at once."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.app import SWEEP, app
from simulator.cli.options import Quiet
from simulator.cli.output import print_answer, print_table, print_text, print_warning

SHOWN_POINTS = 40  # of a sweep on the terminal


@app.command(rich_help_panel=SWEEP)
def sweep(
    file: Annotated[str, typer.Argument(help="shipped sweep name, or path of a sweep file")],
    out: Annotated[Path | None, typer.Option(help="folder of the points; default: reports/sweeps/NAME")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes")] = 1,
    shard: Annotated[str, typer.Option(help="i/N: compute only the i-th of N parts, for job arrays")] = "1/1",
    dask: Annotated[str | None, typer.Option(help="address of a Dask scheduler, instead of local processes")] = None,
    quiet: Quiet = False,
) -> None:
    """Simulate every point of a sweep file; finished points are reused."""
    from simulator.config import load_sweep

    config = load_sweep(file)
    from simulator.report.progress import ProgressLine
    from simulator.sweep.picture import save_picture
    from simulator.sweep.point_table import next_lines, point_table
    from simulator.sweep.runner import default_folder, parse_shard, run_sweep
    from simulator.sweep.sweep_page import save_page

    folder = out or default_folder(config)
    with ProgressLine(quiet=quiet) as progress:
        found = run_sweep(
            config, folder, jobs=jobs, progress=progress, shard=parse_shard(shard), dask=dask, note=print_warning
        )
    save_picture(found)
    page = save_page(found, config, f"spikewatt sweep {shlex.quote(file)}")
    print_table(point_table(found).head(SHOWN_POINTS), config.summary)
    if len(found.frame) > SHOWN_POINTS:
        print_text(f"{len(found.frame) - SHOWN_POINTS} more points are in {folder / 'points.csv'}")
    for warning in found.warnings[len(found.notes) :]:
        print_warning(warning)
    print_text(f"computed {found.computed}, reused {found.reused}, failed {found.failed}: {page}")
    for line in [] if quiet else next_lines(found):
        print_text(line)
    if found.failed:
        raise typer.Exit(1)


@app.command(rich_help_panel=SWEEP)
def rerun(
    point: Annotated[str, typer.Argument(help="id of a point (or its first characters), or its folder")],
    sweeps: Annotated[Path, typer.Option("--in", help="sweep folder, or a folder of sweep folders")] = Path(
        "reports/sweeps"
    ),
    out: Annotated[Path | None, typer.Option(help="write the full report of the point to this folder")] = None,
) -> None:
    """Compute one point of a sweep again and compare the bytes; the exit code is 1 if they differ."""
    from simulator.sweep.rerun_answer import rerun_answer

    print_answer(rerun_answer(point, sweeps, out))
