"""The tables of a report for one point of a sweep, made from its stored result: nothing is simulated again.

A stored result holds counts by action and times by stage. With the prices of its chip these are the ledger of the
point, summed over its layers. Layers one by one need `spikewatt rerun POINT --out DIR`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.config.chip_files import load_chip
from simulator.energy.prices import chip_prices
from simulator.errors import OutputError
from simulator.outputs.csv_text import csv_text
from simulator.report.report_files import CHIP_FILE
from simulator.report.tables import price_rows
from simulator.sweep.rerun import find_inputs, find_point, stored_point
from simulator.sweep.space import point_id
from simulator.sweep.store import ORIGIN, POINT_ID, RESULT, commit, is_sealed, read_object

ALL = "all layers"  # owner of what a stored result does not split by layer
FILES = (CHIP_FILE, "components.csv", "assumptions.csv", "stages.csv")


def as_report(named: Path) -> Path:
    """The folder of a report, or of a point of a sweep made readable as one (`complete_point`).

    ``named`` may be the beginning of the id of a point below ``reports/sweeps``, where there is no such folder.
    """
    is_id = not named.exists() and len(named.parts) == 1 and set(named.name) <= set("0123456789abcdef")
    folder = find_point(str(named), Path("reports") / "sweeps").parent if is_id else named
    complete_point(folder)
    return folder


def complete_point(folder: Path) -> bool:
    """Write what `spikewatt explain` and `spikewatt compare` read next to the result of a point; True where it is one.

    Files: the resolved chip, the ledger by action, the prices used, the times by stage. A folder of anything else is
    left as it is.

    Raises
    ------
    OutputError
        The result was edited, its chip file has changed since the sweep, or the folder cannot be written.
    SpikewattError
        As the chip file is found.
    """
    path = folder / RESULT
    result = read_object(path) if path.is_file() else None
    if result is None or ORIGIN not in result:
        return False
    if not is_sealed(path.read_bytes()):
        raise OutputError(f"{path}: was edited after the sweep; `spikewatt sweep` computes the point again")
    if all((folder / name).is_file() for name in FILES):
        return True
    chip = _chip(path, result)
    ledger = _ledger(result, chip)
    used = ledger.set_index(ledger["component"] + "." + ledger["action"])[["count", "energy_pj"]]
    total = float(result["energy"]["total_pj"])
    tables = {"components": ledger, "assumptions": price_rows(chip, used, total), "stages": _stages(result)}
    for name, table in tables.items():
        commit(folder / f"{name}.csv", csv_text(table))
    commit(folder / CHIP_FILE, json.dumps(chip.model_dump(mode="json"), indent=2, allow_nan=False) + "\n")
    return True


def _chip(path: Path, result: dict[str, Any]) -> ChipConfig:
    """The chip of a stored result, checked against the id of its point, which is a hash of the chip among others."""
    with find_inputs(path.absolute()):
        base, overrides = stored_point(path.absolute())
        chip = load_chip(base, overrides)
    of = [str(result[ORIGIN].get(key)) for key in ("trace_content_hash", "mapping", "code_sha256")]
    if result[ORIGIN].get(POINT_ID) != point_id(chip, *of):
        raise OutputError(
            f"{path}: the chip '{base}', or one that it extends, has changed since the sweep, expected the same chip;"
            " run the sweep again, or restore the file"
        )
    return chip


def _ledger(result: dict[str, Any], chip: ChipConfig) -> pd.DataFrame:
    """Columns ``owner, component, action, count, pj_per_count, energy_pj``: each action over all layers."""
    prices = chip_prices(chip)
    rows = []
    for name, count in result["counts"]["by_action"].items():
        component, _, action = name.partition(".")
        price = prices.get(name)
        each, energy = (math.nan, 0.0) if price is None else (price.pj_per_count, price.energy_pj(count))
        rows.append((ALL, component, action, count, each, energy))
    return pd.DataFrame(rows, columns=["owner", "component", "action", "count", "pj_per_count", "energy_pj"])


def _stages(result: dict[str, Any]) -> pd.DataFrame:
    """Columns ``stage`` and the parts of its time in ps."""
    by_stage = result["latency"]["by_stage"]
    return pd.DataFrame([{"stage": stage, **parts} for stage, parts in by_stage.items()])
