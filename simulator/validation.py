"""What a file is, and whether it is a good one."""

from __future__ import annotations

from pathlib import Path

from simulator.config.chip_files import load_chip
from simulator.config.sweep import is_sweep, load_sweep
from simulator.trace.trace_files import verify_trace


def validate_file(path: Path) -> str:
    """What ``path`` holds, a line first: a trace (all members read and checked), a sweep, a preset or a chip file.

    Of a sweep, objectives and constraints are compared with the result of one token, as `spikewatt sweep` does first,
    and a line follows for each axis that an objective does not depend on.

    Raises
    ------
    SpikewattError
        With every problem of the file, one line each.
    """
    if path.suffix not in (".yaml", ".yml"):
        return f"trace, {verify_trace(path)}"
    # Loaded late: numba, and the capture of models, take a second that chip files and refusals need not.
    if is_sweep(path):
        from simulator.sweep.preparation import prepare

        sweep = load_sweep(path)
        notes = prepare(sweep).notes
        return "\n".join(
            [f"sweep '{sweep.name}' over {', '.join(sweep.axes)}", *(f"warning: {note}" for note in notes)]
        )
    from simulator.model.preset import is_preset, load_preset

    if is_preset(path):
        preset = load_preset(str(path))
        return f"preset '{preset.name}' ({preset.code}, T={preset.encoding.n_timesteps})"
    return f"chip '{load_chip(str(path)).name}'"
