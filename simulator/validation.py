"""What a file is, and whether it is a good one."""

from __future__ import annotations

from pathlib import Path

from simulator.config.files import load_chip
from simulator.config.sweep import is_sweep, load_sweep
from simulator.trace.files import verify_trace


def validate_file(path: Path) -> str:
    """One line on what ``path`` holds: a trace (all members read and checked), a sweep file or a chip file.

    Raises
    ------
    SpikewattError
        With every problem of the file, one line each.
    """
    if path.suffix not in (".yaml", ".yml"):
        return f"trace, {verify_trace(path)}"
    if is_sweep(path):
        sweep = load_sweep(path)
        return f"sweep '{sweep.name}' over {', '.join(sweep.axes)}"
    return f"chip '{load_chip(str(path)).name}'"
