"""Energy and area tables in the text of Accelergy: prices of a chip as ERT and ART; `ert_import` reads an ERT.

Y. N. Wu, J. S. Emer and V. Sze, Accelergy: An Architecture-Level Energy Estimation Methodology for Accelerator Designs,
ICCAD 2019. Energies are in pJ, areas in um2, as there.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import yaml

from simulator.actions import STATIC, is_power
from simulator.config.chip import ChipConfig
from simulator.energy.area import chip_area
from simulator.energy.ert_rows import INCLUDED_IN, LEAK
from simulator.energy.prices import UnitPrice, chip_prices, static_power_w

VERSION = "0.4"
UM2_PER_MM2 = 1e6


def ert_text(chip: ChipConfig) -> str:
    """Energy reference table of ``chip``: one table per component, one action per price, in pJ per count.

    The static power of a chip, all parts but its DRAM, is the action ``leak`` of ``static`` in pJ per cycle of the
    network. What another price contains is 0 there, as it must be for the sums of Accelergy to come out, and names
    that price as ``included_in``.
    """
    prices = [price for price in chip_prices(chip).values() if not is_power(price.name)]
    tables = [
        {"name": f"{chip.name}.{component}", "actions": [_action(price) for price in of_component]}
        for component, of_component in groupby(prices, key=lambda price: price.name.partition(".")[0])
    ]
    leak = {"name": LEAK, "arguments": {}, "energy": leak_per_cycle_pj(chip)}
    tables.append({"name": f"{chip.name}.{STATIC}", "actions": [leak]})
    return _dumped({"ERT": {"version": VERSION, "tables": tables}})


def art_text(chip: ChipConfig) -> str:
    """Area reference table of ``chip`` in um2: a core, its memory, a router; without rows where the file has none."""
    found = chip_area(chip)
    parts = {} if found is None else {"core": found.core_mm2, "sram": found.sram_mm2, "router": found.router_mm2}
    tables = [{"name": f"{chip.name}.{part}", "area": mm2 * UM2_PER_MM2} for part, mm2 in parts.items() if mm2]
    return _dumped({"ART": {"version": VERSION, "tables": tables}})


def leak_per_cycle_pj(chip: ChipConfig) -> float:
    """Energy that a chip leaks in a cycle of its network, pJ: W x ps."""
    return static_power_w(chip) * chip.noc.cycle.value


def _action(price: UnitPrice) -> dict[str, Any]:
    energy = 0.0 if math.isnan(price.pj_per_count) else price.pj_per_count
    action = {"name": price.name.partition(".")[2], "arguments": {}, "energy": energy}
    return action if price.included_in is None else action | {INCLUDED_IN: price.included_in}


def _dumped(record: dict[str, Any]) -> str:
    return str(yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=120))
