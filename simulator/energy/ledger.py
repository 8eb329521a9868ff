"""The energy ledger: counts x prices, one row per (layer, component, action), and the identity that it must satisfy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.energy.prices import PRICE_PATHS, UnitPrice, find_price
from simulator.engine.result import CHIP, CountRow, SimResult
from simulator.errors import ConservationError, UncostedError, did_you_mean

LEDGER_COLUMNS = ("layer", "component", "action", "count", "unit_pj", "energy_pj", "source", "grade")
UNCOSTED = "uncosted"  # component and grade of work that was counted and has no price
TOLERANCE = 1e-9  # relative; the sums are exact (fsum), only the parts are rounded

LedgerRow = tuple[str, str, str, int, float, float, str, str]


@dataclass(frozen=True)
class EnergyLedger:
    """Where every picojoule went.

    Attributes
    ----------
    rows
        DataFrame with `LEDGER_COLUMNS`; count is int64, energies float64 pJ. ``unit_pj`` is NaN for a row whose energy
        is part of another action's price (its ``source`` then says which) and for an uncosted one.
    warnings
        Uncosted work and the like.
    """

    rows: pd.DataFrame
    warnings: tuple[str, ...]
    _sums: dict[str, pd.Series[float]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def total_pj(self) -> float:
        """Sum over all rows, correctly rounded."""
        return math.fsum(self.rows["energy_pj"].tolist())

    def by_layer(self) -> pd.Series[float]:
        """Energy in pJ of each layer, op, stage and the chip, in program order."""
        return self._by("layer")

    def by_component(self) -> pd.Series[float]:
        """Energy in pJ of each component, in order of first use."""
        return self._by("component")

    def by_grade(self) -> pd.Series[float]:
        """Energy in pJ that rests on prices of each grade, in order of first use."""
        return self._by("grade")

    def grade_shares(self) -> dict[str, float]:
        """Share of the total, in [0, 1], that rests on each grade; all zero when the total is zero."""
        total = self.total_pj
        return {str(grade): energy / total if total else 0.0 for grade, energy in self.by_grade().items()}

    @property
    def assumed_share(self) -> float:
        """Share of the total, in [0, 1], that rests on prices graded ``assumed``."""
        return self.grade_shares().get("assumed", 0.0)  # no row, no share

    def check(self) -> None:
        """Raise ConservationError unless every joule has one home and all ways of summing give the same total."""
        self._check_rows()
        total = self.total_pj
        for way in ("layer", "component", "grade"):
            parts = math.fsum(self._by(way))
            if not math.isclose(parts, total, rel_tol=TOLERANCE, abs_tol=0.0):
                raise ConservationError(f"energy: sum over {way}s {parts!r} pJ, wanted the total {total!r} pJ")

    def conservation_line(self, show: Callable[[float], str] = "{:.6g} pJ".format) -> str:
        """The identity in words, after checking it; ``show`` writes an energy in pJ."""
        self.check()
        return f"Σ layers = Σ components = total: {show(self.total_pj)}"

    def _by(self, column: str) -> pd.Series[float]:
        """Exact sums per value of ``column``, in order of first appearance; each made once."""
        if column in self._sums:
            return self._sums[column]
        groups: dict[str, list[float]] = {}
        for key, energy_pj in zip(self.rows[column].tolist(), self.rows["energy_pj"].tolist(), strict=True):
            groups.setdefault(key, []).append(energy_pj)
        sums = {key: math.fsum(group) for key, group in groups.items() if isinstance(key, str)}  # NaN is no home
        names = pd.Index(list(sums), dtype=object, name=column)
        self._sums[column] = pd.Series(np.array(list(sums.values()), dtype=np.float64), index=names, name="energy_pj")
        return self._sums[column]

    def _check_rows(self) -> None:
        rows = self.rows
        count, energy_pj = rows["count"].to_numpy(), rows["energy_pj"].to_numpy()
        homes = (rows[column].tolist() for column in ("layer", "component", "action"))
        wrong = {
            "count below zero": count < 0,
            "energy that is no finite number >= 0": ~(np.isfinite(energy_pj) & (energy_pj >= 0)),
            "second home of one joule": _repeated(zip(*homes, strict=True)),
        }
        for fault, where in wrong.items():
            if where.any():
                row = rows[where].iloc[0]
                raise ConservationError(
                    f"energy: {row['layer']}: {row['component']}.{row['action']}: {fault}"
                    f" (count {row['count']}, {row['energy_pj']} pJ)"
                )


def _repeated(keys: Iterable[tuple[str, str, str]]) -> np.ndarray:
    """Which of ``keys`` came before, bool."""
    seen: set[tuple[str, str, str]] = set()
    repeated = []
    for key in keys:
        repeated.append(key in seen)
        seen.add(key)
    return np.array(repeated, dtype=bool)


def build_ledger(result: SimResult, chip: ChipConfig, allow_uncosted: bool = False) -> EnergyLedger:
    """Price what was counted: one row per count in program order, then static power over the whole time.

    Parameters
    ----------
    result
        Integer counts and picoseconds. Barriers are counts of layer ``chip``; static power comes from ``static_ps``.
    chip
        Its prices. Energy of a row = count x unit, float64 pJ.
    allow_uncosted
        Turn work without a price into a row of component ``uncosted`` with no energy and a warning.

    Raises
    ------
    UncostedError
        Work without a price: layer, component.action and the place in the chip file that lacks it.
    ConservationError
        When the rows do not add up, or one (layer, component, action) comes twice.
    """
    counts = sorted(result.counts, key=lambda row: row.layer == CHIP)  # stable: program order, then the chip
    counts.append(CountRow(CHIP, "static", "power", result.static_ps))
    names = [f"{row.component}.{row.action}" for row in counts]
    prices = {name: find_price(chip, name) for name in dict.fromkeys(names)}
    rows: list[LedgerRow] = []
    warnings: list[str] = []
    for row, name in zip(counts, names, strict=True):
        price = prices[name]
        if price is None:
            fault = _uncosted_line(row, name, chip)
            if not allow_uncosted:
                raise UncostedError(f"{fault}; add the price or pass --allow-uncosted")
            warnings.append(f"{fault}: its energy is missing from the total")
            rows.append((row.layer, UNCOSTED, name, row.count, math.nan, 0.0, "no price", UNCOSTED))
        else:
            unit_pj, energy_pj = price.unit_pj, price.energy_pj(row.count)
            rows.append(
                (row.layer, row.component, row.action, row.count, unit_pj, energy_pj, price.source, price.grade)
            )
    warnings += _lost_by_inclusion(prices, names)
    ledger = EnergyLedger(_frame(rows), tuple(warnings))
    ledger.check()
    return ledger


def _frame(rows: list[LedgerRow]) -> pd.DataFrame:
    """Rows as a DataFrame with the types of `EnergyLedger.rows`; texts as plain objects, which sweeps price faster."""
    columns = zip(*rows, strict=True) if rows else [()] * len(LEDGER_COLUMNS)
    types = {"count": np.int64, "unit_pj": np.float64, "energy_pj": np.float64}
    arrays = zip(LEDGER_COLUMNS, columns, strict=True)
    return pd.DataFrame({name: np.array(column, dtype=types.get(name, object)) for name, column in arrays})


def _uncosted_line(row: CountRow, name: str, chip: ChipConfig) -> str:
    """Layer, action and what the chip file lacks, for work without a price."""
    done = f"{row.layer}: {name} done {row.count} times has no price: chip '{chip.name}'"
    if name in PRICE_PATHS:
        return f"{done} has no {PRICE_PATHS[name]}"
    return f"{done} has no action {name}{did_you_mean(name, PRICE_PATHS)}"


def _lost_by_inclusion(prices: dict[str, UnitPrice | None], names: list[str]) -> list[str]:
    """Warn of actions whose energy is said to be part of another action's that was never done (DESIGN rule 3)."""
    return [
        f"{name} costs nothing here: its price is included in {price.included_in}, which was never done"
        for name, price in prices.items()
        if price is not None and price.included_in is not None and price.included_in not in names
    ]
