"""The check of a stored result, for continuous integration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from simulator.cli.app import SIMULATE, app
from simulator.cli.options import Quiet
from simulator.cli.output import print_answer
from simulator.cli.simulate_request import remembered_request


@app.command(rich_help_panel=SIMULATE)
def check(
    golden: Annotated[Path, typer.Argument(help="result.json of an earlier run, under any name")],
    tolerance: Annotated[str, typer.Option(help="how much a number may change, such as 1% or 0.01")] = "1%",
    report: Annotated[
        Path | None, typer.Option(help="finished report to compare; default: run the stored command again")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="store the new result if numbers drifted")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare a run with a stored result by layer and component, with causes; the exit code is 1 on drift.

    Without --report, the command in the stored result runs again: its chip, trace and overrides, by paths relative to
    the current folder. It writes no report.
    """
    from simulator.report.drift import parse_tolerance, read_golden
    from simulator.simulation.report_questions import drifted

    share, stored = parse_tolerance(tolerance), read_golden(golden)
    fresh = _simulated(stored, golden, quiet) if report is None else read_golden(report / "result.json")
    print_answer(drifted(stored, fresh, share, golden, update=update))


def _simulated(stored: dict[str, Any], golden: Path, quiet: bool) -> dict[str, Any]:
    """The result of the stored command, made again."""
    from simulator.report.progress import ProgressLine
    from simulator.report.result_json import result_text
    from simulator.simulation.request import run_again

    request = remembered_request(str(stored.get("command", "")), str(golden), app)
    with ProgressLine(quiet=quiet) as progress:
        run = run_again(request, progress)
    made: dict[str, Any] = json.loads(result_text(run))
    return made
