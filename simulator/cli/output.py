"""What commands print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer

from simulator.errors import MOST_PROBLEMS, SpikewattError
from simulator.outputs.shown_text import one_line, shortened, shown_lines
from simulator.simulation.answer import Answer

LONGEST_LINE = 2000  # characters of a message, whatever a file of others holds


def print_json(value: object) -> None:
    """As indented JSON."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def print_text(text: str) -> None:
    """Text on stdout; control characters of names and paths appear as escapes."""
    typer.echo(shown_lines(text))


def print_lines(lines: Iterable[str]) -> None:
    """Each line on stdout as soon as it is there."""
    for line in lines:
        print_text(line)


def print_error(error: Exception) -> None:
    """Every problem on a line of its own: the first `MOST_PROBLEMS` of them, each of at most `LONGEST_LINE`."""
    problems = error.problems if isinstance(error, SpikewattError) else (str(error),)
    for line in problems[:MOST_PROBLEMS]:
        print(f"error: {one_line(shortened(line, LONGEST_LINE))}", file=sys.stderr)
    if len(problems) > MOST_PROBLEMS:
        print("error: there are more problems, which are not shown", file=sys.stderr)


def print_warning(text: str) -> None:
    """One line on stderr."""
    print(f"warning: {one_line(shortened(text, LONGEST_LINE))}", file=sys.stderr)


def print_names(rows: Sequence[tuple[str, str]]) -> None:
    """Names and what they stand for, in two columns."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, summary in rows:
        typer.echo(one_line(f"{name:{width}s} {summary}"))


def print_table(frame: Any, title: str) -> None:
    """A frame as a table under its title."""
    from simulator.report.terminal import make_console, print_frame

    print_frame(frame, title, make_console())


def print_answer(answer: Answer, *, as_json: bool = False, quiet: bool = False) -> None:
    """Tables and lines of an answer, or the same as JSON; warnings on stderr; exit code 1 where a check failed.

    ``quiet`` leaves the tables and the next commands out.
    """
    if as_json:
        print_json(answer.record)
    for part in () if as_json else answer.parts:
        if isinstance(part, str):
            print_text(part)
        elif not quiet:
            print_table(part.frame, part.title)
    print_lines(() if as_json or quiet else answer.next_lines)
    for line in answer.warnings:
        print_warning(line)
    if answer.failed:
        raise typer.Exit(1)
