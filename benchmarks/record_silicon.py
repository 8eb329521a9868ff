"""Writes the errors found today as the recorded table of the measurements on silicon.

    python benchmarks/record_silicon.py

It changes the numbers behind ``recorded:`` in ``simulator/energy/silicon``, point by point in the order of the file.
Every change belongs into the change log with the assumption that made it.
"""

from __future__ import annotations

import re
from pathlib import Path

from simulator.energy.silicon_case import load_silicon_case
from simulator.energy.silicon_run import run_point
from simulator.shipped import shipped_silicon


def record(path: Path) -> None:
    """Run the points of one file and write their errors, but for those that take minutes."""
    case = load_silicon_case(path)
    found: list[float] = []
    for point in case.points:
        if point.on_request:
            found += [part.recorded for part in point.parts.values()]
        else:
            found += [round(100 * verdict.error, 1) + 0.0 for verdict in run_point(case, point).verdicts.values()]
    errors = iter(found)
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"recorded: [-+.0-9]+", lambda _: f"recorded: {next(errors):g}", text), encoding="utf-8")
    print(f"{path.name}: {', '.join(f'{error:+g} %' for error in found)}")


if __name__ == "__main__":
    for shipped in shipped_silicon().values():
        record(shipped)
