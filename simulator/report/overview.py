"""Finished reports side by side, read from their ``result.json``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.bounded_json import read_json
from simulator.errors import OutputError
from simulator.report.report_reading import RESULT, check_fields, unreadable
from simulator.report.result_json import SCHEMA, SCHEMA_VERSION

TEXTS = ("chip.name", "trace.name")
NUMBERS = (
    *("energy.total_pj", "energy.per_token_pj", "energy.cmos45.ac_pj", "latency.per_token_ps"),
    *("utilization.cores_used", "trace.tokens"),
)


def find_reports(root: Path) -> list[Path]:
    """Folders below ``root`` that hold a report, in the order of their names; raises OutputError when there is none.

    Hidden folders are unfinished reports (`files.write_report`).
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
    return pd.DataFrame([_row(read_result(folder)) for folder in folders])


def read_result(folder: Path) -> dict[str, Any]:
    """The ``result.json`` of a report folder; raises OutputError when it is damaged or of another schema.

    Version 1 is read as it is: it says ``energy.by_layer`` for ``energy.by_owner``.
    """
    return read_result_file(folder / RESULT, (SCHEMA_VERSION, 1), unreadable)


def read_result_file(
    path: Path, versions: tuple[int, ...], missing: Callable[[Path, OSError], OutputError]
) -> dict[str, Any]:
    """A ``result.json`` under any name.

    Parameters
    ----------
    path
        The file.
    versions
        Versions of the schema that are read.
    missing
        Makes the fault of a file that cannot be opened.

    Raises
    ------
    OutputError
        The file cannot be read, is damaged, or is of another schema.
    """
    try:
        result = read_json(path)
    except OSError as error:
        raise missing(path, error) from error
    except ValueError as error:
        raise OutputError(f"{path}: is not JSON: {error}") from error
    found = (result.get("schema"), result.get("schema_version")) if isinstance(result, dict) else None
    if found not in [(SCHEMA, version) for version in versions]:
        raise OutputError(f"{path}: found schema {found}, expected {(SCHEMA, SCHEMA_VERSION)}")
    check_fields(path, result, NUMBERS, TEXTS)
    if isinstance(result["energy"].get("dense_twin"), dict):
        check_fields(path, result, ("energy.dense_twin.energy_per_token_pj",), ())
    return dict(result)


def _row(result: dict[str, Any]) -> dict[str, object]:
    energy, per_token = result["energy"], result["energy"]["per_token_pj"]
    twin = energy.get("dense_twin")
    dense = twin["energy_per_token_pj"] if isinstance(twin, dict) else 0.0
    return {
        "chip": result["chip"]["name"],
        "trace": result["trace"]["name"],
        "energy_per_token_pj": per_token,
        "time_per_token_ps": result["latency"]["per_token_ps"],
        "over_op_count": energy["total_pj"] / energy["cmos45"]["ac_pj"] if energy["cmos45"]["ac_pj"] else math.nan,
        "over_dense": per_token / dense if dense else math.nan,
        "dense_twin": str(twin.get("label", twin.get("name"))) if isinstance(twin, dict) else "",
        "cores": result["utilization"]["cores_used"],
    }
