"""Errors in the use of the command line, with a hint at what was meant."""

from __future__ import annotations

import re
from typing import cast

from typer import BadParameter

from simulator.outputs.shown_text import shown_lines
from simulator.shipped import shipped_folder, shipped_sweeps, shipped_traces

# That of click, of which recent versions of typer bring their own.
USAGE_ERROR = cast("type[Exception]", BadParameter.__bases__[0])


def add_hint(error: Exception) -> None:
    """Say in the message of a usage error which option takes a name that stands without one."""
    message = shown_lines(str(getattr(error, "message", "")))
    error.message = message  # type: ignore[attr-defined]
    found = re.fullmatch(r"Got unexpected extra argument(?:s|\(s\))? \((\S+).*\)", message)
    if found is not None:
        error.message = f"{message}: {_hint(found[1])}"  # type: ignore[attr-defined]


def _hint(word: str) -> str:
    if (shipped_folder("chip_configs") / f"{word}.yaml").is_file():
        return f"did you mean --chip {word}?"
    if word in shipped_traces() or word.endswith(".npz"):
        return f"did you mean --trace {word}?"
    if word in shipped_sweeps():
        return f"did you mean spikewatt sweep {word}?"
    return "an option and its value are expected, and path=value without spaces after --set"
