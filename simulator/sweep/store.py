"""A sweep on disk: a folder per point with its result or its fault, each file there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simulator.config.sweep import SweepConfig
from simulator.errors import OutputError, SpikewattError
from simulator.outputs import check_folder, replaced_whole
from simulator.report.result_json import SCHEMA as RESULT_SCHEMA
from simulator.report.result_json import SCHEMA_VERSION as RESULT_VERSION
from simulator.report.result_json import result_text
from simulator.report.run import Run
from simulator.sweep.objectives import flatten, is_number
from simulator.sweep.pareto import pareto_mask
from simulator.sweep.space import Point

SWEEP, POINTS, TABLE = "sweep.json", "points", "points.csv"
RESULT, ERROR = "result.json", "error.json"
SCHEMA_VERSION = 1

# What of a result the table shows beside the objectives, whole branches included.
SHOWN = (
    "energy.total_pj",
    "energy.per_token_pj",
    "energy.mean_power_w",
    "energy.by_component",
    "energy.share_by_grade",
    "latency.total_ps",
    "latency.per_token_ps",
    "latency.tokens_per_s",
    "latency.by_part",
    "utilization",
)
OK, FAILED, MISSING = "ok", "failed", "missing"


@dataclass(frozen=True)
class Store:
    """The folder of one sweep: ``sweep.json``, ``points.csv`` and ``points/<id>/{result,error}.json``."""

    folder: Path

    def check(self) -> None:
        """Raise OutputError when the folder cannot be written, or holds something that is not a sweep."""
        check_folder(self.folder, "sweep", SWEEP)

    def open(self, config: SweepConfig, trace_hash: str) -> None:
        """Make the folder, or take up the one that an earlier call left, and note what the sweep is."""
        about = {"schema": "spikewatt/sweep", "schema_version": SCHEMA_VERSION, **config.model_dump(mode="json")}
        commit(self.folder / SWEEP, _json(about | {"trace_content_hash": trace_hash}))

    def result(self, point_id: str) -> dict[str, Any] | None:
        """The result of a point as flat keys; None when there is none, or not a whole one of this schema."""
        result = _read(self.folder / POINTS / point_id / RESULT)
        if result is None or (result.get("schema"), result.get("schema_version")) != (RESULT_SCHEMA, RESULT_VERSION):
            return None
        return flatten(result)

    def error(self, point_id: str) -> str | None:
        """Why a point failed, or None when it did not."""
        found = _read(self.folder / POINTS / point_id / ERROR)
        return None if found is None else f"{found.get('kind')}: {found.get('reason')}"

    def keep_result(self, point: Point, run: Run) -> None:
        """Commit the result of a point; an earlier failure of it is forgotten."""
        folder = self.folder / POINTS / point.point_id
        commit(folder / RESULT, result_text(run))
        (folder / ERROR).unlink(missing_ok=True)

    def keep_error(self, point: Point, error: SpikewattError) -> None:
        """Commit why a point failed."""
        about = {"schema": "spikewatt/sweep-error", "schema_version": SCHEMA_VERSION, "values": point.values}
        about |= {"kind": type(error).__name__, "reason": str(error)}
        commit(self.folder / POINTS / point.point_id / ERROR, _json(about))

    def table(self, points: Sequence[Point], objectives: Sequence[str]) -> pd.DataFrame:
        """One row per point, in their order.

        Columns: ``point``; the axes; ``status`` (ok, failed, missing) and ``reason``; ``front``, whether no other point
        is better in one objective and as good in all; the objectives; then the `SHOWN` keys of the result. An objective
        that the result of a point lacks is NaN there, and ``reason`` says so.
        """
        rows = [self._row(point, objectives) for point in points]
        table = pd.DataFrame(rows, dtype=object)  # or whole numbers beside missing ones would pass through floats
        numbers = [name for name in table.columns if _is_shown(name, objectives)]
        for name in numbers:
            table[name] = _number_column(table[name])
        costs = table[list(objectives)].to_numpy(dtype=np.float64, na_value=np.nan)
        table.insert(list(table.columns).index("reason") + 1, "front", pareto_mask(costs))
        return table

    def _row(self, point: Point, objectives: Sequence[str]) -> dict[str, Any]:
        result = self.result(point.point_id)
        error = None if result is not None else self.error(point.point_id)
        row: dict[str, Any] = {"point": point.point_id, **point.values}
        row["status"] = OK if result is not None else MISSING if error is None else FAILED
        row["reason"] = error or ""
        if result is None:
            return row | dict.fromkeys(objectives)
        lacking = [key for key in objectives if not is_number(result.get(key))]
        if lacking:
            row["reason"] = f"the result has no number {', '.join(lacking)}"
        row |= {key: None if key in lacking else result[key] for key in objectives}
        shown = {key: value for key, value in result.items() if _is_shown(key) and (value is None or is_number(value))}
        return row | {key: value for key, value in shown.items() if key not in objectives}


def commit(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, whenever the process ends.

    Raises
    ------
    OutputError
        When it cannot be written; what stood at ``path`` is unchanged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_whole(path) as beside:
            beside.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror or error}") from error


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object; None when there is no such file or its content is anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise OutputError(f"{path}: cannot read: {error.strerror or error}") from error
    return content if isinstance(content, dict) else None


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _is_shown(key: str, more: Iterable[str] = ()) -> bool:
    """Whether ``key`` is one of `SHOWN` or ``more``, or on one of those branches."""
    return any(key == shown or key.startswith(f"{shown}.") for shown in (*SHOWN, *more))


def _number_column(column: pd.Series[Any]) -> pd.Series[Any]:
    """Whole numbers stay whole beside missing ones; the rest is float64."""
    known = column.dropna().tolist()
    whole = bool(known) and all(isinstance(value, int) for value in known)
    return column.astype("Int64" if whole else "float64")
