"""The program and its help."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from simulator import __version__

# Groups of commands in the help, in this order.
SIMULATE = "Simulate and compare"
MODELS = "Language models and traces"
MAPPING = "Mapping"
SWEEP = "Many chips"
ENERGIES = "Prices and published numbers"
FILES = "Files, and what ships with the program"


class _Commands(TyperGroup):
    """The commands; typer would show an EOFError of one, as a damaged file raises it, as no more than "Aborted."."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise RuntimeError(f"unexpected end of a file: {error}") from error


app = typer.Typer(
    cls=_Commands,
    name="spikewatt",
    help="Replay the spikes of a spike-driven LLM on a chip model and see where energy and time go.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"spikewatt {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and stop")
    ] = False,
) -> None:
    """Take the options that stand before a command."""
