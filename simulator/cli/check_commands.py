"""Files and the program itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.app import FILES, app
from simulator.cli.output import print_error, print_json, print_names, print_text
from simulator.errors import SpikewattError


@app.command(rich_help_panel=FILES)
def validate(files: Annotated[list[Path], typer.Argument(help="chip files, sweep files and traces")]) -> None:
    """Validate chip files, sweep files, presets and traces; list every problem."""
    from simulator.validation import validate_file

    failed = False
    for file in files:
        try:
            print_text(f"{file}: ok, {validate_file(file)}")
        except SpikewattError as error:
            failed = True
            print_error(error)
    if failed:
        raise typer.Exit(2)


@app.command(rich_help_panel=FILES)
def chips() -> None:
    """List the shipped chips."""
    from simulator.config import list_chips

    print_names(list_chips())


@app.command(rich_help_panel=FILES)
def traces() -> None:
    """List the shipped traces."""
    from simulator.trace.trace_list import list_traces

    print_names(list_traces())


@app.command(rich_help_panel=FILES)
def presets() -> None:
    """List the shipped presets of spike encoders."""
    from simulator.model.preset import list_presets

    print_names(list_presets())


@app.command(rich_help_panel=FILES)
def sweeps() -> None:
    """List the shipped sweep files."""
    from simulator.config.sweep import list_sweeps

    print_names(list_sweeps())


@app.command(rich_help_panel=FILES)
def schema() -> None:
    """Write the JSON schema of chip files to stdout."""
    from simulator.config import chip_schema

    print_json(chip_schema())


@app.command(rich_help_panel=FILES)
def warmup(
    clean: Annotated[
        bool, typer.Option("--clean", help="remove cached kernels first, those of other versions too")
    ] = False,
) -> None:
    """Compile the kernels of every kind of chip, so that the next simulation starts at once."""
    from simulator.engine.kernels.cache_removal import clean_cache
    from simulator.engine.warmup import warm_up_all

    if clean:
        print_text(f"removed {clean_cache()} folders of cached kernels")

    print_text(f"kernels ready in {warm_up_all():.1f} s")


@app.command(rich_help_panel=FILES)
def mcp() -> None:
    """Serve chips, simulate, explain, compare and sweep to other programs by the Model Context Protocol (MCP)."""
    from simulator.server.mcp_server import mcp_server

    mcp_server().run()
