"""Finished reports side by side, read from their ``result.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.errors import OutputError
from simulator.report.result_json import SCHEMA, SCHEMA_VERSION

RESULT = "result.json"


def find_reports(root: Path) -> list[Path]:
    """Folders below ``root`` that hold a report, in the order of their names; raises OutputError when there is none.

    Hidden folders are reports on their way (`files.write_report`).
    """
    found = sorted(path.parent for path in root.glob(f"*/*/{RESULT}") if not path.parent.name.startswith("."))
    if not found:
        raise OutputError(f"{root}: holds no report, expected one; `spikewatt simulate` writes it")
    return found


def overview(folders: Sequence[Path]) -> pd.DataFrame:
    """One row per report: ``chip, trace, energy_per_token_pj, time_per_token_ps, over_op_count, over_dense, cores``.

    ``over_op_count`` and ``over_dense`` are the chip's energy over the 45 nm op count of the spikes and over the dense
    twin (NaN without one).

    Raises
    ------
    OutputError
        For a folder without a readable report of this schema.
    """
    return pd.DataFrame([_row_of(folder) for folder in folders])


def read_result(folder: Path) -> dict[str, Any]:
    """The ``result.json`` of a report folder."""
    path = folder / RESULT
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OutputError(f"{path}: cannot read the report: {error.strerror}") from error
    except ValueError as error:
        raise OutputError(f"{path}: is not JSON: {error}") from error
    found = (result.get("schema"), result.get("schema_version")) if isinstance(result, dict) else None
    if found != (SCHEMA, SCHEMA_VERSION):
        raise OutputError(f"{path}: found schema {found}, expected {(SCHEMA, SCHEMA_VERSION)}")
    return dict(result)


def _row_of(folder: Path) -> dict[str, object]:
    """The row of one report folder."""
    try:
        return _row(read_result(folder))
    except (KeyError, TypeError) as error:
        raise OutputError(f"{folder / RESULT}: damaged: no number where {error} is expected") from error


def _row(result: dict[str, Any]) -> dict[str, object]:
    energy, per_token = result["energy"], result["energy"]["per_token_pj"]
    twin = energy["dense_twin"]
    return {
        "chip": result["chip"]["name"],
        "trace": result["trace"]["name"],
        "energy_per_token_pj": per_token,
        "time_per_token_ps": result["latency"]["per_token_ps"],
        "over_op_count": energy["total_pj"] / energy["cmos45"]["ac_pj"] if energy["cmos45"]["ac_pj"] else math.nan,
        "over_dense": per_token / twin["energy_per_token_pj"] if twin else math.nan,
        "dense_twin": twin.get("label", twin["name"]) if twin else "",
        "cores": result["utilization"]["cores_used"],
    }
