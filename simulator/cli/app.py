"""The program and its help."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="spikewatt",
    help="Replay the spikes of a spike-driven LLM on a chip model, and see where the energy and the time go.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
