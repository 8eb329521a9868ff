"""The energy ledger: counts x prices, one row per (owner, component, action), and the identity that it must satisfy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from simulator.actions import ACTIONS
from simulator.config.chip import ChipConfig
from simulator.energy.prices import UnitPrice, find_price
from simulator.energy.static_parts import static_rows
from simulator.engine.result import CountRow, SimResult, Work
from simulator.errors import ConservationError, UncostedError, did_you_mean

LEDGER_COLUMNS = ("owner", "component", "action", "count", "pj_per_count", "energy_pj", "source", "grade")
UNCOSTED = "uncosted"  # component and grade of work that was counted and has no price
TOLERANCE = 1e-9  # relative; the sums are exact (fsum), only the parts are rounded

Prices = dict[str, UnitPrice | None]  # component.action -> its price, None where the chip has none


@dataclass(frozen=True)
class EnergyLedger:
    """Where every picojoule went.

    Attributes
    ----------
    rows
        DataFrame with `LEDGER_COLUMNS`; count is int64, energies float64 pJ. ``pj_per_count`` is NaN for a row whose
        energy is included in the price of another action (its ``source`` then says which) and for an uncosted one.
    warnings
        Uncosted work and the like.
    """

    rows: pd.DataFrame
    warnings: tuple[str, ...]

    @property
    def total_pj(self) -> float:
        """Sum over all rows, correctly rounded."""
        return math.fsum(self.rows["energy_pj"].tolist())

    def by_owner(self) -> pd.Series[float]:
        """Energy in pJ of each layer, op, stage and the chip, in program order."""
        return self._by("owner")

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
        """Raise ConservationError unless every joule is in one row and all sums give the same total."""
        self._check_rows()
        total = self.total_pj
        for column, sums in self._sums.items():
            parts = math.fsum(sums.values())
            if not math.isclose(parts, total, rel_tol=TOLERANCE, abs_tol=0.0):
                raise ConservationError(f"energy: sum over {column}s {parts!r} pJ, expected the total {total!r} pJ")

    def conservation_line(self, show: Callable[[float], str] = "{:.6g} pJ".format) -> str:
        """The identity in words, after checking it; ``show`` writes an energy in pJ."""
        self.check()
        return f"Σ layers = Σ components = total: {show(self.total_pj)}"

    def _by(self, column: str) -> pd.Series[float]:
        """Exact sums per value of ``column``, in order of first appearance."""
        sums = self._sums[column]
        names = pd.Index(list(sums), dtype=object, name=column)
        return pd.Series(np.array(list(sums.values()), dtype=np.float64), index=names, name="energy_pj")

    @cached_property
    def _lists(self) -> dict[str, list[Any]]:
        """The columns that are summed and checked as plain lists, which are read several times."""
        return {name: self.rows[name].tolist() for name in ("owner", "component", "action", "grade", "energy_pj")}

    @cached_property
    def _sums(self) -> dict[str, dict[str, float]]:
        """Kind of sum -> key -> exact sum."""
        return {column: self._summed(column) for column in ("owner", "component", "grade")}

    def _summed(self, column: str) -> dict[str, float]:
        groups: dict[object, list[float]] = {}
        for key, energy_pj in zip(self._lists[column], self._lists["energy_pj"], strict=True):
            groups.setdefault(key, []).append(energy_pj)
        return {key: math.fsum(group) for key, group in groups.items() if isinstance(key, str)}  # NaN: no stage

    def _check_rows(self) -> None:
        rows = self.rows
        count, energy_pj = rows["count"].to_numpy(), rows["energy_pj"].to_numpy()
        homes = [self._lists[column] for column in ("owner", "component", "action")]
        wrong = {
            "count below zero": count < 0,
            "energy that is not a finite number >= 0": ~(np.isfinite(energy_pj) & (energy_pj >= 0)),
            "second home of one joule": _repeated(list(zip(*homes, strict=True))),
        }
        for fault, where in wrong.items():
            if where.any():
                row = rows[where].iloc[0]
                raise ConservationError(
                    f"energy: {row['owner']}: {row['component']}.{row['action']}: {fault}"
                    f" (count {row['count']}, {row['energy_pj']} pJ)"
                )


def _repeated(keys: list[tuple[str, str, str]]) -> np.ndarray:
    """Which of ``keys`` came before, bool."""
    first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
    return np.array([first[key] != i for i, key in enumerate(keys)], dtype=bool)


def build_ledger(result: SimResult, chip: ChipConfig, allow_uncosted: bool = False) -> EnergyLedger:
    """Price what was counted: one row per count in program order, then one for each part of the static power.

    Parameters
    ----------
    result
        Integer counts and picoseconds. Barriers are counts of the owner ``chip``; static power comes from
        ``static_ps``, less what is switched off (`simulator.energy.static_parts`).
    chip
        Its prices. Energy of a row = count x unit, float64 pJ.
    allow_uncosted
        Turn work without a price into a row of component ``uncosted`` with no energy and a warning.

    Raises
    ------
    UncostedError
        Work without a price: owner, component.action and the place in the chip file that lacks it.
    ConservationError
        When the rows do not add up, or one (owner, component, action) comes twice.
    """
    work = result.work(static_rows(result, chip))
    prices = {name: find_price(chip, name) for name in work.names}
    warnings = [
        f"{fault}: its energy is missing from the total" for fault in _uncosted(work, prices, chip, allow_uncosted)
    ]
    warnings += _lost_by_inclusion(prices)
    ledger = EnergyLedger(_priced(work, prices), tuple(warnings))
    ledger.check()
    return ledger


def _priced(work: Work, prices: Prices) -> pd.DataFrame:
    """`EnergyLedger.rows`: the columns of the counts, shared, and next to them those of the prices."""
    found = prices.values()
    pj_per_count = np.array([math.nan if price is None else price.pj_per_count for price in found])[work.code]
    free = np.array([price is None or price.included_in is not None for price in found])[work.code]
    rows = work.rows.assign(
        pj_per_count=pj_per_count,
        energy_pj=np.where(free, 0.0, work.rows["count"].to_numpy() * pj_per_count),
        source=_spread(["no price" if price is None else price.source for price in found], work),
        grade=_spread([UNCOSTED if price is None else price.grade for price in found], work),
    )
    if None in found:
        lacking = np.array([price is None for price in found])[work.code]
        rows.loc[lacking, "component"] = UNCOSTED
        rows.loc[lacking, "action"] = _spread(work.names, work)[lacking]
    return rows


def _spread(texts: Iterable[str], work: Work) -> Any:
    """One text per name as an array of one per row."""
    return pd.Series(list(texts)).array.take(work.code)


def _uncosted(work: Work, prices: Prices, chip: ChipConfig, allowed: bool) -> Iterator[str]:
    """What to say of each row without a price; raises UncostedError at the first one unless they are ``allowed``."""
    if None not in prices.values():
        return
    for owner, component, action, count in work.rows.itertuples(index=False):
        row = CountRow(owner, component, action, count)
        if prices[name := f"{component}.{action}"] is None:
            fault = _uncosted_line(row, name, chip)
            if not allowed:
                raise UncostedError(f"{fault}; add the price or pass --allow-uncosted")
            yield fault


def _uncosted_line(row: CountRow, name: str, chip: ChipConfig) -> str:
    """Owner, action and what the chip file lacks, for work without a price."""
    done = f"{row.owner}: {name} done {row.count} times has no price: chip '{chip.name}'"
    if name in ACTIONS:
        return f"{done} has no {ACTIONS[name].place}"
    return f"{done} has no action {name}{did_you_mean(name, ACTIONS)}"


def _lost_by_inclusion(prices: Prices) -> list[str]:
    """Warn of actions whose energy is included in an action that was never done (DESIGN rule 3)."""
    return [
        f"{name} costs nothing here: its price is included in {price.included_in}, which was never done"
        for name, price in prices.items()
        if price is not None and price.included_in is not None and price.included_in not in prices
    ]
