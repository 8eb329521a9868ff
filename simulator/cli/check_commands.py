"""Files and the program itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.app import app
from simulator.cli.output import print_error, print_json
from simulator.errors import SpikewattError


@app.command()
def validate(files: Annotated[list[Path], typer.Argument(help="chip files, sweep files and traces")]) -> None:
    """Check files; every problem of every file, one line each."""
    from simulator.validation import validate_file

    failed = False
    for file in files:
        try:
            typer.echo(f"{file}: {validate_file(file)}")
        except SpikewattError as error:
            failed = True
            print_error(error)
    if failed:
        raise typer.Exit(2)


@app.command()
def chips() -> None:
    """List the shipped chips."""
    from simulator.config import list_chips

    for name, summary in list_chips():
        typer.echo(f"{name:18s} {summary}")


@app.command()
def schema() -> None:
    """Write the JSON schema of chip files to stdout."""
    from simulator.config import chip_schema

    print_json(chip_schema())


@app.command()
def warmup() -> None:
    """Compile the kernels, so that the next simulation starts at once."""
    from simulator.engine.warmup import warm_up

    typer.echo(f"kernels ready in {warm_up():.1f} s")
