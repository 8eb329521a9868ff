"""Files of a finished report, read back: whole, or one line that says what is damaged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simulator.bounded_json import read_json
from simulator.errors import OutputError, did_you_mean
from simulator.outputs.csv_text import unquoted

RESULT = "result.json"
POINT = "point"  # key of the result of a point of a sweep: values, chip, trace and code of it

# What columns were called in reports of schema version 1.
EARLIER_NAMES = {
    "owner": "layer",
    "pj_per_count": "unit_pj",
    "low_pj_per_count": "low_pj",
    "high_pj_per_count": "high_pj",
}

EARLIER_FILES = {"owners.csv": "layers.csv"}  # files of 0.1 and 0.2, which held more than layers


def damaged(path: Path, problem: object) -> OutputError:
    """The fault of a report's file that cannot be read."""
    return OutputError(
        f"{path.parent}: not a complete report folder: {path.name}: {problem}; `spikewatt simulate` writes one"
    )


def unreadable(path: Path, error: OSError) -> OutputError:
    """The fault of a file that cannot be opened: of it, or of a folder that is no report, with one that may be."""
    folder = path.parent
    if folder.is_dir() and any((folder / name).exists() for name in (RESULT, "components.csv")):
        return damaged(path, error.strerror or error)
    if not folder.is_dir():
        problem = f"found {'a file' if folder.exists() else 'no such folder'}"
    else:
        problem = "found no report in this folder"
    return OutputError(f"{folder}: {problem}, expected one that `spikewatt simulate` wrote{_near(folder)}")


def _near(folder: Path) -> str:
    """A hint at a report below the folder, next to it, or in ``reports``."""
    below = sorted(folder.glob(f"*/{RESULT}"))
    if below:
        return f" (did you mean '{below[0].parent}'?)"
    others = (*folder.parent.glob(f"*/{RESULT}"), *Path("reports").glob(f"*/*/{RESULT}"))
    return did_you_mean(str(folder), [str(other.parent) for other in others])


def read_record(path: Path) -> dict[str, Any]:
    """A JSON object; raises OutputError for anything else."""
    try:
        found = read_json(path)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(found, dict):
        raise damaged(path, f"found a JSON {type(found).__name__}, expected an object")
    return found


def check_fields(path: Path, record: Mapping[str, Any], numbers: Iterable[str], texts: Iterable[str]) -> None:
    """Raise OutputError unless ``record`` holds finite numbers >= 0 and texts at these paths, such as ``chip.name``."""
    for name in texts:
        if not isinstance(found := _at(record, name), str):
            raise OutputError(f"{path}: damaged: {name}: found {_shown(found)}, expected text")
    for name in numbers:
        _check_number(path, name, _at(record, name))


def read_numbers(path: Path, record: Mapping[str, Any], place: str) -> dict[str, float]:
    """Name -> finite number >= 0 of the object at ``place``; raises OutputError where it holds anything else."""
    found = _at(record, place)
    if not isinstance(found, Mapping):
        raise OutputError(f"{path}: damaged: {place}: found {_shown(found)}, expected an object")
    for name, number in found.items():
        _check_number(path, f"{place}.{name}", number)
    return dict(found)


def _check_number(path: Path, place: str, found: object) -> None:
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found < math.inf:
        raise OutputError(f"{path}: damaged: {place}: found {_shown(found)}, expected a number")


def read_table(path: Path, texts: Iterable[str], numbers: Iterable[str], gaps: Iterable[str] = ()) -> pd.DataFrame:
    """A CSV table with columns of text, of finite numbers, and of numbers some of which may be missing (``gaps``).

    A report of an earlier version is read with the file and column names of today (`EARLIER_FILES`, `EARLIER_NAMES`).

    Raises
    ------
    OutputError
        The file cannot be read, lacks a column, or has something else in it.
    """
    if path.name in EARLIER_FILES and not path.exists():
        path = path.with_name(EARLIER_FILES[path.name])
    try:
        frame = pd.read_csv(path)
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, OverflowError, RecursionError) as error:  # of pandas: EmptyDataError, ParserError
        raise damaged(path, error) from error
    for name in (*texts, *numbers, *gaps):
        if name not in frame.columns and EARLIER_NAMES.get(name) in frame.columns:
            frame = frame.rename(columns={EARLIER_NAMES[name]: name})
        if name not in frame.columns:
            raise damaged(path, f"found no column {name}")
    for name in texts:
        if frame[name].isna().any():
            raise damaged(path, f"column {name}: found nothing, expected text")
        frame[name] = frame[name].astype(str).map(unquoted)
    for name in (*numbers, *gaps):
        frame[name] = _numbers(path, name, frame[name], name in gaps)
    return frame


def _numbers(path: Path, name: str, column: pd.Series[Any], may_miss: bool) -> pd.Series[Any]:
    """The column as numbers."""
    found = pd.to_numeric(column, errors="coerce")
    wrong = (found.isna() & ~(column.isna() & may_miss)) | np.isinf(found.astype(float))
    if wrong.any():
        raise damaged(path, f"column {name}: found {_shown(column[wrong].iloc[0])}, expected a number")
    return found


def _at(record: Any, path: str) -> Any:
    for key in path.split("."):
        record = record.get(key) if isinstance(record, Mapping) else None
    return record


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
