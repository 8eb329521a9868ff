"""Energy and area tables in the text of Accelergy: prices of a chip out as ERT and ART, an ERT in as a chip file.

Y. N. Wu, J. S. Emer and V. Sze, Accelergy: An Architecture-Level Energy Estimation Methodology for Accelerator Designs,
ICCAD 2019. Energies are in pJ, areas in um2, as there.
"""

from __future__ import annotations

import math
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from simulator.actions import ACTIONS
from simulator.config.chip import ChipConfig
from simulator.config.yaml_marks import MapNode, Node, plain, read_marked
from simulator.energy.area import chip_area
from simulator.energy.prices import UnitPrice, chip_prices
from simulator.errors import ConfigError

VERSION = "0.4"
UM2_PER_MM2 = 1e6
STATIC = "static.power"  # W, that is pJ per chip and picosecond; ERT names what leaks per cycle


def ert_text(chip: ChipConfig) -> str:
    """Energy reference table of ``chip``: one table per component, one action per price, in pJ per count.

    The static power is the action ``leak`` of ``static`` in pJ per cycle of the network. What another price contains is
    0 there, as it must be for the sums of Accelergy to come out.
    """
    prices = chip_prices(chip).values()
    tables = [
        {"name": f"{chip.name}.{component}", "actions": [_action(price, chip) for price in of_component]}
        for component, of_component in groupby(prices, key=lambda price: price.name.partition(".")[0])
    ]
    return _dumped({"ERT": {"version": VERSION, "tables": tables}})


def art_text(chip: ChipConfig) -> str:
    """Area reference table of ``chip`` in um2: a core, its memory, a router; without rows where the file has none."""
    found = chip_area(chip)
    parts = {} if found is None else {"core": found.core_mm2, "sram": found.sram_mm2, "router": found.router_mm2}
    tables = [{"name": f"{chip.name}.{part}", "area": mm2 * UM2_PER_MM2} for part, mm2 in parts.items() if mm2]
    return _dumped({"ART": {"version": VERSION, "tables": tables}})


def chip_text_from_ert(path: Path, base: str, name: str) -> str:
    """A chip file that extends ``base`` with the prices of the ERT file ``path``.

    A row counts where the last part of its table's name is a component here and its action one of that component's
    (`ACTIONS`); ``leak`` of Accelergy has no time of ours and is not read. Prices are graded published-model.

    Raises
    ------
    ConfigError
        When the file is no ERT, holds an energy that is no number of at least 0, or no row that means anything here.
    """
    tree, problems = read_marked(path, str(path))
    if problems:
        raise ConfigError(str(problem) for problem in problems)
    rows = dict(_rows(tree, path))
    if not rows:
        raise ConfigError([f"{path}: found no row of an action known here, expected one such as {next(iter(ACTIONS))}"])
    chip: dict[str, Any] = {"extends": base, "name": name}
    chip["summary"] = f"{base} with energies of {path.name}"
    chip["sources"] = {"ert": f"Accelergy energy reference table {path.name}, imported"}
    for action, pj in rows.items():
        record = chip
        *above, last = ACTIONS[action].path
        for key in above:
            record = record.setdefault(key, {})
        record[last] = {"value": f"{pj!r} pJ", "source": "ert", "grade": "published-model"}
    return _dumped(chip)


def _action(price: UnitPrice, chip: ChipConfig) -> dict[str, Any]:
    if price.name == STATIC:
        return {"name": "leak", "arguments": {}, "energy": price.unit_pj * chip.noc.cycle.value}
    energy = 0.0 if math.isnan(price.unit_pj) else price.unit_pj
    return {"name": price.name.partition(".")[2], "arguments": {}, "energy": energy}


def _rows(tree: Node, path: Path) -> list[tuple[str, float]]:
    """(component.action, pJ) of the rows that mean something here, in the order of the file."""
    found = plain(tree) if isinstance(tree, MapNode) else {}
    tables = found.get("ERT", {}).get("tables") if isinstance(found.get("ERT"), dict) else None
    if not isinstance(tables, tuple):
        raise ConfigError([f"{path}: found no ERT with tables, expected an Accelergy energy reference table"])
    rows = []
    for table in tables:
        component = str(table.get("name", "")).rpartition(".")[2].partition("[")[0]
        for action in table.get("actions") or ():
            name = f"{component}.{action.get('name')}"
            if name in ACTIONS and name != STATIC:
                rows.append((name, _energy(action.get("energy"), name, path)))
    return rows


def _energy(value: object, name: str, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ConfigError([f"{path}: {name}: found energy {value}, expected a number of pJ of at least 0"])
    return float(value)


def _dumped(record: dict[str, Any]) -> str:
    return str(yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=120))
