"""What a paper says of one finished report: its energies in five rows with their ranges, its prices, its label."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.actions import SUMMARY_ROWS, summary_row
from simulator.energy.ledger import EnergyLedger
from simulator.energy.prices import UnitPrice
from simulator.energy.uncertainty import TOTAL, Uncertainty
from simulator.engine.result import CHIP
from simulator.errors import OutputError
from simulator.report.compare import Finished, read_finished
from simulator.report.report_folder import MANIFEST
from simulator.report.report_reading import check_fields, damaged, read_record, read_table
from simulator.report.tables import split_block

LABEL_LETTERS = 16  # of a line of a heading
CHIP_KIND = "static, barriers"  # what no layer owns
INCLUDED = "included in "
TEXTS = ("action", "path", "grade", "source", "citation", "unit")
GAPS = ("pj_per_count", "low_pj_per_count", "high_pj_per_count", "node_nm", "voltage")


@dataclass(frozen=True)
class PaperReport:
    """A report as the paper shows it.

    Attributes
    ----------
    finished
        Its files, as `compare` reads them.
    manifest
        ``manifest.json``.
    prices
        ``assumptions.csv``: every price that was used.
    label
        What tells it from the others: the chip, with trace or folder where that is needed.
    """

    finished: Finished
    manifest: dict[str, Any]
    prices: pd.DataFrame
    label: str

    @property
    def result(self) -> dict[str, Any]:
        """``result.json``."""
        return self.finished.result

    @property
    def heading(self) -> list[str]:
        """The label in lines of at most `LABEL_LETTERS` letters."""
        return textwrap.wrap(self.label, LABEL_LETTERS) or [self.label]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Energy of one token by row of `SUMMARY_ROWS`, and last the `TOTAL`.

        Columns: ``value_pj, q05_pj, q95_pj, low_pj, high_pj``. The quantiles are those of the report's own draws
        (`simulator.energy.uncertainty.Uncertainty`): the total's are those in its ``bands.csv``. Ranges that are open
        to one side put the value outside of them; from ``low_pj`` to ``high_pj`` is the least range that holds the
        value and what is between the quantiles.
        """
        ledger = self.finished.ledger
        names = ledger["component"] + "." + ledger["action"]
        grouped = EnergyLedger(ledger.assign(owner=[summary_row(name) for name in names]), ())
        bands = Uncertainty(grouped, self._unit_prices).bands().set_index("owner")
        bands = bands[["value_pj", "q05_pj", "q95_pj"]].reindex([*SUMMARY_ROWS, TOTAL], fill_value=0.0)
        bands["low_pj"] = bands[["value_pj", "q05_pj"]].min(axis=1)
        bands["high_pj"] = bands[["value_pj", "q95_pj"]].max(axis=1)
        return bands / self.finished.n_tokens

    def per_token_pj(self, row: str, column: str = "value_pj") -> float:
        """One number of `rows`."""
        return float(self.rows[column].to_dict()[row])

    @cached_property
    def kinds(self) -> pd.Series[float]:
        """Energy of one token in pJ by kind of layer, op and stage, summed over the blocks, the largest first."""
        ledger = self.finished.ledger
        names = [CHIP_KIND if owner == CHIP else split_block(owner)[1] for owner in ledger["owner"]]
        kinds = pd.Series(names, index=ledger.index, name="kind")
        sums = ledger["energy_pj"].groupby(kinds, sort=False).sum() / self.finished.n_tokens
        return sums.sort_values(ascending=False, kind="stable")

    @cached_property
    def times(self) -> pd.Series[float]:
        """Time of one token in ps by part: compute, network, transfer, vector, barrier."""
        parts = self.finished.stages.drop(columns=["stage", "total_ps"]).sum() / self.finished.n_tokens
        return parts.rename(lambda name: str(name).removesuffix("_ps"))

    @property
    def moved(self) -> list[tuple[str, str]]:
        """(row, other row): energy of the first that a price of the second contains."""
        inside = self.prices[self.prices["source"].str.startswith(INCLUDED)]
        pairs = [
            (summary_row(action), summary_row(source.removeprefix(INCLUDED)))
            for action, source in zip(inside["action"], inside["source"], strict=True)
        ]
        return [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1]]

    @property
    def _unit_prices(self) -> dict[str, UnitPrice]:
        """The prices as the Monte Carlo takes them, in the order of the ledger."""
        ledger = self.finished.ledger
        known = {row["action"]: row for row in self.prices.to_dict("records")}
        used = dict.fromkeys(ledger["component"] + "." + ledger["action"])
        return {name: _unit_price(known[name]) for name in used if pd.notna(known.get(name, {}).get("pj_per_count"))}


def read_paper_reports(folders: Sequence[Path]) -> list[PaperReport]:
    """Read finished reports for a paper.

    Raises
    ------
    OutputError
        For none, a folder given twice, or a folder without a whole report.
    """
    if not folders:
        raise OutputError("paper: found no report, expected one or more folders; `spikewatt simulate` writes them")
    resolved = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, resolved, strict=True):
        if resolved.count(place) > 1:
            raise OutputError(f"paper: {folder}: found twice, expected each report once")
    found = [read_finished(folder) for folder in folders]
    return [
        PaperReport(finished, _manifest(finished.folder), _prices(finished.folder), label)
        for finished, label in zip(found, _labels(found), strict=True)
    ]


def _manifest(folder: Path) -> dict[str, Any]:
    record = read_record(folder / MANIFEST)
    check_fields(folder / MANIFEST, record, (), ("chip.name", "packages.spikewatt"))
    return record


def _prices(folder: Path) -> pd.DataFrame:
    prices = read_table(folder / "assumptions.csv", TEXTS, ("count", "energy_pj", "share"), GAPS)
    if prices["action"].duplicated().any():
        raise damaged(folder / "assumptions.csv", "column action: found a price twice, expected it once")
    notes = prices["note"] if "note" in prices else [""] * len(prices)
    return prices.assign(note=["" if pd.isna(note) else str(note) for note in notes])


def _labels(found: Sequence[Finished]) -> list[str]:
    """The chip's name; with the trace, and then with the folder, where reports would share a label."""
    chips = [report.result["chip"]["name"] for report in found]
    pairs = [f"{chip} {report.result['trace']['name']}" for chip, report in zip(chips, found, strict=True)]
    folders = [f"{chip} {report.folder.resolve().name}" for chip, report in zip(chips, found, strict=True)]
    numbered = [f"{chip} ({number})" for number, chip in enumerate(chips, start=1)]
    return next((labels for labels in (chips, pairs, folders) if len(set(labels)) == len(labels)), numbered)


def _unit_price(row: dict[Any, Any]) -> UnitPrice:
    """A price of ``assumptions.csv``."""
    low, high, voltage = (
        None if pd.isna(row[name]) else float(row[name])
        for name in ("low_pj_per_count", "high_pj_per_count", "voltage")
    )
    return UnitPrice(
        name=str(row["action"]),
        path=str(row["path"]),
        pj_per_count=float(row["pj_per_count"]),
        low_pj_per_count=low,
        high_pj_per_count=high,
        included_in=None,
        source=str(row["source"]),
        grade=str(row["grade"]),
        note=str(row["note"]) or None,
        model=None,
        node_nm=float(row["node_nm"]),
        voltage=voltage,
    )
