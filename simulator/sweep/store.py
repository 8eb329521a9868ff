"""A sweep on disk: a folder per point with its result or its fault, each file there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simulator.bounded_json import read_json
from simulator.config.sweep import SweepConfig
from simulator.errors import OutputError
from simulator.outputs.output_file import JSON, TEXT, page_kind, replaced_whole
from simulator.outputs.output_folder import FolderKind, check_folder
from simulator.report.report_reading import POINT
from simulator.report.result_json import SCHEMA as RESULT_SCHEMA
from simulator.report.result_json import SCHEMA_VERSION as RESULT_VERSION
from simulator.report.result_json import result_dict
from simulator.report.run import Run
from simulator.sweep.objectives import Bound, flatten, is_number
from simulator.sweep.pareto import pareto_mask
from simulator.sweep.point_warnings import JOINED
from simulator.sweep.space import Point, code_sha256

SWEEP, POINTS = "sweep.json", "points"
RESULT, ERROR = "result.json", "error.json"
POINT_ID = "id"
SEAL = "sha256"  # last key of the origin: the hash of the text before it, so that an edited result is computed again
ORIGIN = POINT
SCHEMA = "spikewatt/sweep"
SCHEMA_VERSION = 2
SWEEP_FOLDER = FolderKind("sweep", SWEEP, SCHEMA)
_SEALED = re.compile(r', "sha256": "[0-9a-f]{64}"}}$')
_KINDS = {".json": JSON, ".html": page_kind("sweep")}

# What of a result the table shows besides the objectives, whole branches included.
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
_BRANCHES = tuple(f"{name}." for name in SHOWN)
WARNINGS = "warnings"  # of a result, and the column of the table
OK, FAILED, MISSING = "ok", "failed", "missing"


@dataclass(frozen=True)
class Store:
    """The folder of one sweep: ``sweep.json``, its tables, and ``points/<id>/{result,error}.json``."""

    folder: Path

    def check(self) -> None:
        """Raise OutputError when the folder cannot be written, or holds something that is not a sweep."""
        check_folder(self.folder, SWEEP_FOLDER)

    def open(self, config: SweepConfig, trace_hashes: Mapping[str, str]) -> None:
        """Make the folder, or take up the one that an earlier call left, and note what the sweep is."""
        about = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **config.model_dump(mode="json")}
        commit(self.folder / SWEEP, _json(about | {"trace_content_hashes": dict(trace_hashes)}))

    def result(self, point_id: str) -> dict[str, Any] | None:
        """The result of a point as flat keys; None when there is none that was written for it in this schema.

        So an edited result is computed again, and one that lies in the folder of another point.
        """
        path = self.folder / POINTS / point_id / RESULT
        result = read_object(path)
        if result is None or not is_sealed(path.read_bytes()):
            return None
        origin = result.get(ORIGIN)
        if not isinstance(origin, dict) or origin.get(POINT_ID) != point_id:
            return None
        if (result.get("schema"), result.get("schema_version")) != (RESULT_SCHEMA, RESULT_VERSION):
            return None
        return flatten({key: part for key, part in result.items() if key != ORIGIN})

    def error(self, point_id: str) -> str | None:
        """Why a point failed, or None when it did not."""
        found = read_object(self.folder / POINTS / point_id / ERROR)
        return None if found is None else f"{found.get('kind')}: {found.get('reason')}"

    def keep_result(self, point: Point, run: Run, unpriced: Mapping[str, Any] | None = None) -> None:
        """Commit the result of a point (see `point_text`); an earlier failure of it is forgotten."""
        folder = self.folder / POINTS / point.point_id
        commit(folder / RESULT, point_text(point, run, unpriced))
        (folder / ERROR).unlink(missing_ok=True)

    def keep_error(self, point: Point, error: Exception) -> None:
        """Commit why a point failed."""
        about = {"schema": "spikewatt/sweep-error", "schema_version": SCHEMA_VERSION, "values": point.values}
        about |= {"kind": type(error).__name__, "reason": str(error)}
        commit(self.folder / POINTS / point.point_id / ERROR, _json(about))

    def table(
        self,
        points: Sequence[Point],
        objectives: Sequence[str],
        bounds: Sequence[Bound] = (),
        tolerance: float = 0.0,
    ) -> pd.DataFrame:
        """One row per point, in their order.

        Columns: ``point``; the axes; ``status`` (ok, failed, missing) and ``reason``; ``front``, whether no other point
        that keeps the constraints is better in one objective and as good in all (`pareto_mask` with ``tolerance``);
        with constraints, ``feasible``, whether it keeps them; the objectives; then the `SHOWN` keys of the result; last
        ``warnings``. An objective that the result of a point lacks is NaN there, and ``reason`` says so.
        """
        more = (*objectives, *(bound.key for bound in bounds))
        rows = [self._row(point, objectives, bounds) for point in points]
        table = pd.DataFrame(rows, dtype=object)  # or whole numbers among missing ones would pass through floats
        numbers = [name for name in table.columns if _is_shown(name, more)]
        for name in numbers:
            table[name] = _number_column(table[name])
        costs = table[list(objectives)].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)  # else of one: read-only
        if bounds:
            table["feasible"] = table["feasible"].astype(bool)
            costs[~table["feasible"].to_numpy()] = np.nan
        table.insert(list(table.columns).index("reason") + 1, "front", pareto_mask(costs, tolerance))
        return table

    def _row(self, point: Point, objectives: Sequence[str], bounds: Sequence[Bound]) -> dict[str, Any]:
        result = self.result(point.point_id)
        error = None if result is not None else self.error(point.point_id)
        row: dict[str, Any] = {"point": point.point_id, **point.values}
        row["status"] = OK if result is not None else MISSING if error is None else FAILED
        row["reason"] = error or ""
        feasible = {"feasible": False} if bounds else {}
        if result is None:
            return row | feasible | dict.fromkeys(objectives)
        lacking = [key for key in objectives if not is_number(result.get(key))]
        broken = [bound.text for bound in bounds if not bound.holds(result)]
        reasons = [f"the result has no number {', '.join(lacking)}"] if lacking else []
        row["reason"] = "; ".join([*reasons, *(f"breaks {text}" for text in broken)])
        row |= {"feasible": not broken} if bounds else {}
        row |= {key: None if key in lacking else result[key] for key in objectives}
        more = tuple(bound.key for bound in bounds)
        shown = {k: v for k, v in result.items() if _is_shown(k, more) and (v is None or is_number(v))}
        row |= {key: value for key, value in shown.items() if key not in objectives}
        return row | {WARNINGS: JOINED.join(result.get(WARNINGS) or ())}


def point_text(point: Point, run: Run, unpriced: Mapping[str, Any] | None = None) -> str:
    """The result of a point and what it takes to compute it again, as text.

    The seconds of this machine are left out, so that the same point has the same bytes, and so are the bands of the
    energy, whose draws would take most of the time of a price point (the report of a rerun has them). The text is one
    line: thousands of files so written are read and written several times faster. ``unpriced`` is that of
    a point that differs in prices alone (`result_dict`).
    """
    result = result_dict(run, bands=False, unpriced=unpriced)
    del result["elapsed"]
    return sealed(json.dumps(result | {ORIGIN: _origin(point)}, ensure_ascii=False, allow_nan=False))


def sealed(text: str) -> str:
    """The text of a result, whose last key is its origin, with the hash of it at its end in place of any other."""
    body = _SEALED.sub("}}", text.rstrip("\n")).removesuffix("}}")
    return f"{body}{_seal(body)}\n"


def is_sealed(data: bytes) -> bool:
    """Whether the text of a result is as it was written."""
    body = data.rstrip(b"\n").decode("utf-8", "replace")
    cut = len(body) - len(_seal(""))
    return cut > 0 and body[cut:] == _seal(body[:cut])


def _seal(body: str) -> str:
    return f', "{SEAL}": "{hashlib.sha256(body.encode()).hexdigest()}"}}}}'


def _origin(point: Point) -> dict[str, Any]:
    return {
        POINT_ID: point.point_id,
        "values": point.values,
        "base": point.base,
        "trace": point.trace,
        "trace_content_hash": point.trace_hash,
        "mapping": point.mapping,
        "code_sha256": code_sha256(),
    }


def commit(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, whenever the process ends.

    Raises
    ------
    OutputError
        When it cannot be written; what stood at ``path`` is unchanged.
    """
    try:
        os.makedirs(path.parent, exist_ok=True)
        with replaced_whole(path, _KINDS.get(path.suffix, TEXT)) as staged:
            staged.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror or error}") from error


def read_object(path: Path) -> dict[str, Any] | None:
    """A JSON object; None when there is no such file or its content is anything else."""
    try:
        content = read_json(path)
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise OutputError(f"{path}: cannot read: {error.strerror or error}") from error
    return content if isinstance(content, dict) else None


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@lru_cache(maxsize=65536)  # the results of a sweep have the same keys
def _is_shown(key: str, more: tuple[str, ...] = ()) -> bool:
    """Whether ``key`` is one of `SHOWN` or ``more``, or on one of those branches."""
    return f"{key}.".startswith((*_BRANCHES, *(f"{name}." for name in more)))


def _number_column(column: pd.Series[Any]) -> pd.Series[Any]:
    """Whole numbers stay whole among missing ones; the rest is float64."""
    known = column.dropna().tolist()
    whole = bool(known) and all(isinstance(value, int) for value in known)
    return column.astype("Int64" if whole else "float64")
