"""The uncertainty of an energy: a Monte Carlo over the ranges of the prices on the finished ledger, no simulation."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from simulator.arrays import F64
from simulator.config.chip import ChipConfig
from simulator.energy.ledger import EnergyLedger
from simulator.energy.prices import UnitPrice, chip_prices

DRAWS = 1000
SEED = 0
BAND = (0.05, 0.95)  # quantiles that hold 90 % of the draws
QUANTILES = ("q05_pj", "median_pj", "q95_pj")
TOTAL = "total"


@dataclass(frozen=True)
class Uncertainty:
    """The energy of a run under prices drawn from their ranges.

    Two readings stand next to the value. Its **band** is the energy with all prices at their `low` and with all at
    their `high`: it holds the value whatever the ranges are. The **quantiles** are those of draws, a price from a
    triangle with its peak at the value; where most ranges are open to one side only, the value lies outside them.
    An absent bound is the value itself. Prices without bounds stay at their value, so both show the ranges that
    sources give and nothing else: `ranged_share` says how much of the total has one. Prices that state the same fact
    (same value, bounds, source and note: both directions of a hop) are drawn as one.

    Attributes
    ----------
    ledger
        What was priced.
    prices
        Prices the ledger used, by ``component.action``, in order of first use.
    draws, seed
        How many draws, and what they start from; a price's draws depend on the seed and its own path alone.
    """

    ledger: EnergyLedger
    prices: dict[str, UnitPrice]
    draws: int = DRAWS
    seed: int = SEED

    @property
    def ranged_share(self) -> float:
        """Share of the total, in [0, 1], that rests on prices with a range."""
        total = self.ledger.total_pj
        ranged = math.fsum(
            math.fsum(self._counts[name]) * p.pj_per_count for name, p in self.prices.items() if _ranged(p)
        )
        return ranged / total if total else 0.0

    def bands(self) -> pd.DataFrame:
        """One row per owner (layer, op, stage, chip) in program order, the last one the `TOTAL`, over the whole trace.

        Columns: ``owner, value_pj`` (the ledger's), ``low_pj, high_pj`` (all prices at their low, at their high; these
        add up over owners), ``q05_pj, median_pj, q95_pj``: quantiles 5, 50 and 95 % of the draws, which do not.
        """
        value = self.ledger.by_owner()
        ends = [self._at_bound(side) for side in (0, 1)]
        rows = np.vstack([self._energies, self._energies.sum(axis=0)])
        quantiles = np.quantile(rows, (BAND[0], 0.5, BAND[1]), axis=1)
        columns: dict[str, Any] = {"owner": [*value.index, TOTAL], "value_pj": [*value, self.ledger.total_pj]}
        columns |= {name: [*end, math.fsum(end)] for name, end in zip(("low_pj", "high_pj"), ends, strict=True)}
        return pd.DataFrame(columns | dict(zip(QUANTILES, quantiles, strict=True)))

    def by_component(self) -> pd.DataFrame:
        """As `bands`, one row per component in the order of the prices, without the total; ``component`` names it."""
        names = [name.partition(".")[0] for name in self.prices]
        counts = self._counts.to_numpy().sum(axis=0)
        components = list(dict.fromkeys(names))
        of = np.array([[name == component for name in names] for component in components]) * counts
        ends = np.array([[*_bounds(price), price.pj_per_count] for price in self.prices.values()])
        drawn = np.quantile(np.einsum("cp,pd->cd", of, self._units), (BAND[0], 0.5, BAND[1]), axis=1)
        columns = dict(zip(("low_pj", "high_pj", "value_pj"), np.einsum("cp,pe->ec", of, ends), strict=True))
        return pd.DataFrame({"component": components} | columns | dict(zip(QUANTILES, drawn, strict=True)))

    @cached_property
    def total(self) -> dict[str, float]:
        """The last row of `bands`: ``value_pj, low_pj, high_pj, q05_pj, median_pj, q95_pj`` of the whole trace."""
        last = self.bands().iloc[-1].drop("owner")
        return {str(name): float(value) for name, value in last.items()}

    @property
    def outside_quantiles(self) -> str:
        """Why the ledger's total is not between its own quantiles, where it is not, as the end of a sentence."""
        total = self.total
        if total["q05_pj"] <= total["value_pj"] <= total["q95_pj"]:
            return ""
        side, end = ("below", "low") if total["value_pj"] < total["q05_pj"] else ("above", "high")
        return f"; the energy lies {side} these draws: the ranged prices are at or near their {end} end"

    def tornado(self) -> pd.DataFrame:
        """What one fact at a time does to the total, the widest swing first; all others stay at their value.

        Columns: ``prices`` (those that state the fact), ``grade, low_pj, high_pj`` (the total at its bounds),
        ``value_pj`` (the ledger's total), ``swing_pj`` (high less low). Facts without a range have no row.
        """
        total = self.ledger.total_pj
        rows = []
        for names in self._facts.values():
            price = self.prices[names[0]]
            count = math.fsum(math.fsum(self._counts[name]) for name in names)
            if _ranged(price) and count > 0:
                low, high = (total + count * (bound - price.pj_per_count) for bound in _bounds(price))
                rows.append((", ".join(names), price.grade, low, high, total, high - low))
        frame = pd.DataFrame(rows, columns=["prices", "grade", "low_pj", "high_pj", "value_pj", "swing_pj"])
        return frame.sort_values("swing_pj", ascending=False, kind="stable", ignore_index=True)

    def _at_bound(self, side: int) -> list[float]:
        """Energy in pJ of each layer with every price at its low (``side`` 0) or at its high (1)."""
        value = self.ledger.by_owner()
        shift = np.array([_bounds(price)[side] - price.pj_per_count for price in self.prices.values()])
        moved = np.einsum("lp,p->l", self._counts.to_numpy(), shift)
        return [energy + float(by) for energy, by in zip(value, moved, strict=True)]

    @cached_property
    def _facts(self) -> dict[tuple[object, ...], list[str]]:
        """Prices that state one fact, by what they state, in order of first use."""
        facts: dict[tuple[object, ...], list[str]] = {}
        for name, price in self.prices.items():
            facts.setdefault(
                (price.pj_per_count, price.low_pj_per_count, price.high_pj_per_count, price.source, price.note), []
            ).append(name)
        return facts

    @cached_property
    def _counts(self) -> pd.DataFrame:
        """Counts, float64, one row per owner and one column per price; work of other prices' energy counts 0."""
        rows = self.ledger.rows
        names = rows["component"] + "." + rows["action"]
        sums = rows["count"].groupby([rows["owner"], names.rename("price")], sort=False).sum().unstack(fill_value=0)
        owners = list(dict.fromkeys(rows["owner"]))
        return sums.reindex(index=owners, columns=list(self.prices), fill_value=0).astype(np.float64)

    @cached_property
    def _energies(self) -> F64:
        """Energy in pJ of each owner (rows) in each draw (columns)."""
        # einsum, not BLAS: the order of its sums does not depend on the number of threads
        return np.asarray(np.einsum("lp,pd->ld", self._counts.to_numpy(), self._units))

    @cached_property
    def _units(self) -> F64:
        """Energy per count in pJ of each price (rows) in each draw (columns)."""
        units = np.empty((len(self.prices), self.draws))
        index = {name: i for i, name in enumerate(self.prices)}
        for names in self._facts.values():
            units[[index[name] for name in names]] = self._drawn(self.prices[names[0]])
        return units

    def _drawn(self, price: UnitPrice) -> F64:
        """``draws`` values of a price in pJ; a constant where it has no range."""
        if not _ranged(price):
            return np.full(self.draws, price.pj_per_count)
        seed = np.random.SeedSequence([self.seed, zlib.crc32(price.path.encode())])
        uniform = np.random.Generator(np.random.PCG64(seed)).random(self.draws)
        low, high = _bounds(price)
        return triangular(uniform, low, price.pj_per_count, high)


def uncertainty(ledger: EnergyLedger, chip: ChipConfig, draws: int = DRAWS, seed: int = SEED) -> Uncertainty:
    """The `Uncertainty` of a ledger under the ranges of the chip file that priced it."""
    rows = ledger.rows
    used = dict.fromkeys(rows["component"] + "." + rows["action"])
    known = chip_prices(chip)
    prices = {name: known[name] for name in used if name in known and known[name].included_in is None}
    return Uncertainty(ledger, prices, draws, seed)


def triangular(uniform: F64, low: float, mode: float, high: float) -> F64:
    """Values of a triangular distribution at the quantiles ``uniform`` (in [0, 1)), by its inverse distribution.

    ``low <= mode <= high`` and ``low < high``. With ``f = (mode - low) / (high - low)``: ``low + sqrt(u (high - low)
    (mode - low))`` for ``u < f``, else ``high - sqrt((1 - u) (high - low) (high - mode))``.
    """
    width, rise, fall = high - low, mode - low, high - mode
    left = low + np.sqrt(uniform * width * rise)
    right = high - np.sqrt((1 - uniform) * width * fall)
    return np.where(uniform * width < rise, left, right)


def _bounds(price: UnitPrice) -> tuple[float, float]:
    """Low and high of a price in pJ, its value where the chip file gives none."""
    low = price.pj_per_count if price.low_pj_per_count is None else price.low_pj_per_count
    high = price.pj_per_count if price.high_pj_per_count is None else price.high_pj_per_count
    return low, high


def _ranged(price: UnitPrice) -> bool:
    """Whether a price has a range of any width."""
    low, high = _bounds(price)
    return low < high
