"""The command that makes a trace of a NIR graph and recorded spikes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.app import MODELS, app
from simulator.cli.output import print_text


@app.command(name="import-nir", rich_help_panel=MODELS)
def import_nir(
    graph: Annotated[Path, typer.Argument(help="NIR graph (.nir), feed-forward")],
    spikes: Annotated[
        Path, typer.Option(help="recorded spikes (.npz): node name -> [timesteps, n] or [timesteps, samples, n]")
    ],
    out: Annotated[Path, typer.Option(help="trace file to write (.npz)")],
    weight_bits: Annotated[int, typer.Option(min=1, max=32, help="bits of a weight on the chip")] = 8,
) -> None:
    """Write the trace of a spiking network from its NIR graph and the spikes that a simulator recorded."""
    from simulator.model.nir_spikes import read_spikes
    from simulator.model.nir_trace import trace_from_nir
    from simulator.outputs.names import as_name
    from simulator.outputs.output_file import TRACE, check_writable_file
    from simulator.trace.trace_files import write_trace

    check_writable_file(out, TRACE, inputs=(graph, spikes))
    trace = trace_from_nir(graph, read_spikes(spikes), as_name(out.stem), weight_bits=weight_bits)
    print_text(f"{out}: {write_trace(trace, out)}")
