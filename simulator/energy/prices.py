"""The price of one action: where the chip file keeps it, and what it resolves to. No lookup here has a default."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from simulator.actions import ACTIONS, Action, record_at
from simulator.config.chip import ChipConfig
from simulator.config.provenance import Price, StaticPower
from simulator.energy.static_parts import PARTS, static_names

ONE_FIGURE = "one figure for the whole chip, which does not scale with its size"


@dataclass(frozen=True)
class UnitPrice:
    """What one count of an action costs on one chip.

    Attributes
    ----------
    name
        ``component.action``.
    path
        Where the chip file says so.
    pj_per_count
        Energy of one count (operation, flit, bit or chip-ps); NaN when the price of another action includes it. That of
        a part of the static power is of all such parts of a chip, in W.
    low_pj_per_count, high_pj_per_count
        Bounds, where the chip file gives them.
    included_in
        That other action, or None.
    source
        Key of the chip's ``sources`` table, or ``included in <component.action>``.
    grade
        How well the number is known (DESIGN rule 4).
    note
        What the chip file adds in words.
    model
        The description that the value was made from (`simulator.config.described_prices`), or None.
    node_nm, voltage
        Process in nm and supply in V at which the number was found; the voltage is None where the file has none.
    """

    name: str
    path: str
    pj_per_count: float
    low_pj_per_count: float | None
    high_pj_per_count: float | None
    included_in: str | None
    source: str
    grade: str
    note: str | None
    model: str | None
    node_nm: float
    voltage: float | None

    def energy_pj(self, count: int) -> float:
        """Energy of ``count`` actions: count x unit, or 0 when another action's price contains it."""
        return 0.0 if self.included_in is not None else count * self.pj_per_count


def find_price(chip: ChipConfig, name: str) -> UnitPrice | None:
    """Price of ``component.action`` on ``chip``, or None when the chip file names none.

    That an ``included_in`` leads to an action with a value is a rule of the chip file (`simulator.config.chip_rules`).
    """
    action = ACTIONS.get(name)
    price = None if action is None else _record(chip, action)
    if action is None or price is None:
        return None
    included_in = price.included_in if isinstance(price, Price) else None
    pj_per_count, source = price.value, price.source
    if included_in is not None:
        pj_per_count, source = math.nan, f"included in {included_in}"
    if pj_per_count is None:
        raise TypeError(f"{action.place} has neither value nor included_in")  # the chip schema lets none through
    at_chip, n = chip.technology, PARTS[name].count(chip) if name in PARTS else 1
    return UnitPrice(
        name=name,
        path=action.place,
        pj_per_count=n * pj_per_count,
        low_pj_per_count=None if price.low is None else n * price.low,
        high_pj_per_count=None if price.high is None else n * price.high,
        included_in=included_in,
        source=source,
        grade=price.grade,
        note=_of_parts(name, price, n),
        model=price.model,
        node_nm=price.node_nm or at_chip.node_nm,
        voltage=price.voltage or (at_chip.voltage if price.node_nm is None else None),
    )


def _of_parts(name: str, price: Price | StaticPower, n: int) -> str | None:
    """The note of a price; that of static power says of how many parts it is, or that it is one figure."""
    said = ONE_FIGURE if name == "static.power" else ""
    if n > 1:
        said = f"{price.value:.4g} W per {PARTS[name].each} x {n}"
    return ". ".join(filter(None, (said, price.note))) or None


def static_power_w(chip: ChipConfig, dram: bool = False) -> float:
    """Static power of one chip in W, nothing switched off; with ``dram`` its DRAM as well."""
    names = [name for name in static_names(chip) if dram or name != "static.dram"]
    return math.fsum(price.pj_per_count for price in map(partial(find_price, chip), names) if price is not None)


def chip_prices(chip: ChipConfig) -> dict[str, UnitPrice]:
    """Every price the chip file holds, by ``component.action``, in the order of `ACTIONS`."""
    found = {name: find_price(chip, name) for name in ACTIONS}
    return {name: price for name, price in found.items() if price is not None}


def _record(chip: ChipConfig, action: Action) -> Price | StaticPower | None:
    """The record of the chip file that holds the price; None when an optional part of the chip is absent."""
    record = record_at(chip, action.path)
    if record is None:
        return None
    if not isinstance(record, (Price, StaticPower)):
        raise TypeError(f"{action.place} is a {type(record).__name__}, expected a price")
    return record
