"""The program and its help."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from simulator import __version__
from simulator.cli.usage import USAGE_ERROR, add_hint
from simulator.errors import SpikewattError

Command = TypeVar("Command", bound=Callable[..., Any])
LARGEST = 2**63 - 1  # of a whole number on the command line: what arrays can count with

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
        except USAGE_ERROR as error:
            add_hint(error)
            raise
        except EOFError as error:
            raise RuntimeError(f"unexpected end of a file: {error}") from error


class _Program(typer.Typer):
    """The program; no command of it takes a number that it cannot count with."""

    def command(self, *args: Any, **kwargs: Any) -> Callable[[Command], Command]:
        """Add a command."""
        add = super().command(*args, **kwargs)

        def decorate(function: Command) -> Command:
            @wraps(function)
            def checked(**options: Any) -> Any:
                for name, value in options.items():
                    _check_number(name, value)
                return function(**options)

            add(checked)
            return function

        return decorate


def _check_number(name: str, value: Any) -> None:
    option = "--" + name.replace("_", "-")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise SpikewattError(f"{option}: found a number beyond 64 bits, expected at most {LARGEST}")
    if isinstance(value, float) and not math.isfinite(value):
        raise SpikewattError(f"{option}: found {value}, expected a finite number")


app = _Program(
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
