"""Compute one point of a finished sweep again, and compare the bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.config.chip_files import load_chip
from simulator.config.sweep_axes import value_text
from simulator.errors import OutputError, did_you_mean
from simulator.report.result_json import leaves
from simulator.sweep.space import Point, code_sha256, in_chip
from simulator.sweep.store import ORIGIN, POINT_ID, POINTS, RESULT, SWEEP, point_text, read_object, sealed
from simulator.trace.trace_files import load_trace

if TYPE_CHECKING:
    from simulator.report.run import Run

MOST_DIFFERENCES = 10


@dataclass(frozen=True)
class Rerun:
    """A point computed again.

    Attributes
    ----------
    path
        Its stored result.
    run
        The new run.
    same_bytes
        Whether the new result is the stored one, byte for byte.
    differences
        Otherwise the first keys that differ, ``key: before, after``.
    same_code
        Whether the stored result was computed by the code of this program.
    """

    path: Path
    run: Run
    same_bytes: bool
    differences: tuple[str, ...]
    same_code: bool


def rerun_point(name: str, root: Path) -> Rerun:
    """Compute a point again from what its result says of it: base chip, values, trace.

    Parameters
    ----------
    name
        Its folder, or the beginning of its id.
    root
        Where to look for sweeps when ``name`` is an id: sweep folder, or a folder of sweep folders.

    Raises
    ------
    OutputError
        No such point, several, or a damaged one.
    SpikewattError
        As the chip, the trace or the simulation find.
    """
    path = find_point(name, root)
    stored = path.read_text(encoding="utf-8", errors="replace")
    place = path.absolute()
    with find_inputs(place):
        point, code = _point(place)
        from simulator.sweep.compute import simulate_point  # loaded late: kernels, which no refusal needs

        run = simulate_point(point, Path.cwd())
    text = point_text(point, run)
    # the hash of the code is no finding: another program may well compute the same numbers
    again = sealed(text.replace(code_sha256(), code)) if code else text
    differences = () if again == stored else tuple(_differences(json.loads(stored), json.loads(again)))
    return Rerun(path, run, again == stored, differences, code == code_sha256())


def find_inputs(path: Path) -> chdir[Path]:
    """Go to the folder that the inputs of a stored point are named from, for as long as the context lasts."""
    return chdir(_folder_of_inputs(path))


def _folder_of_inputs(path: Path) -> Path:
    """The folder that the trace of a point is named from: this one, or the first above the point that has it."""
    trace = str(((read_object(path) or {}).get(ORIGIN) or {}).get("trace", ""))
    found = (folder for folder in (Path.cwd(), *path.parents) if trace and (folder / trace).is_file())
    return next(found, Path.cwd())


def find_point(name: str, root: Path) -> Path:
    """The stored result of one point."""
    direct = Path(name) / RESULT
    if direct.is_file():
        return direct
    sweeps = [root] if (root / SWEEP).is_file() else sorted(path.parent for path in root.glob(f"*/{SWEEP}"))
    results = [path for sweep in sweeps for path in (sweep / POINTS).glob(f"*/{RESULT}")]
    found = sorted(path for path in results if path.parent.name.startswith(name))
    if len(found) == 1:
        return found[0]
    if found:
        raise OutputError(f"point '{name}': found {len(found)} such points ({_some(found)}), expected one")
    near = did_you_mean(name, [path.parent.name for path in results])
    raise OutputError(f"point '{name}': found none below {root}, expected the id of one with a result{near}")


def _some(paths: Iterable[Path]) -> str:
    return ", ".join(str(path.parent) for path in list(paths)[:3])


def _point(path: Path) -> tuple[Point, str]:
    """The point that a stored result is of, and the hash of the code that computed it."""
    origin = (read_object(path) or {}).get(ORIGIN, {})
    try:
        values, trace = dict(origin["values"]), str(origin["trace"])
        code, mapping = str(origin["code_sha256"]), origin.get("mapping", "chip")
    except (KeyError, TypeError, ValueError):
        raise _damaged(path) from None
    base, overrides = stored_point(path)
    chip = load_chip(base, overrides)
    if mapping not in ("auto", "chip"):
        raise OutputError(f"{path}: damaged: found mapping {mapping!r}, expected auto or chip")
    trace_hash = load_trace(trace).content_hash
    return Point(
        str(origin.get(POINT_ID, path.parent.name)), values, base, chip, trace, trace_hash, mapping=mapping
    ), code


def stored_point(path: Path) -> tuple[str, list[str]]:
    """Base chip of a stored result, and the values of its axes as ``path=value`` texts of ``--set``."""
    origin = (read_object(path) or {}).get(ORIGIN, {})
    try:
        values, base = dict(origin["values"]), str(origin["base"])
    except (KeyError, TypeError, ValueError):
        raise _damaged(path) from None
    return base, [f"{axis}={value_text(value)}" for axis, value in values.items() if in_chip(axis)]


def _damaged(path: Path) -> OutputError:
    return OutputError(f"{path}: damaged: base, trace or values are missing, expected a record of `spikewatt sweep`")


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The first keys whose values differ."""
    old, new = ({".".join(path): value for path, value in leaves(record)} for record in (before, after))
    keys = [key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
    return [f"{key}: {old.get(key)!r}, now {new.get(key)!r}" for key in keys[:MOST_DIFFERENCES]]
