"""Two finished reports side by side: what was changed, what that did to energy and time, and why, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.actions import is_power
from simulator.errors import OutputError
from simulator.report.format import format_change, format_energy, format_ratio, format_time
from simulator.report.overview import read_result
from simulator.report.report_files import CHIP_FILE
from simulator.report.report_reading import RESULT, damaged, read_record, read_table
from simulator.report.result_json import leaves
from simulator.report.tables import split_block

CAUSES = 5
NOT_A_CHANGE = {"source", "note", "sources", "summary"}  # keys of a chip file that say why, not what


@dataclass(frozen=True)
class Finished:
    """A report as read from its folder.

    Attributes
    ----------
    label
        ``<trace> on <chip>``, with the folder where two reports are of the same pair.
    result, chip
        ``result.json``, and the chip file as resolved.
    ledger
        ``owner, component, action, count, pj_per_count, energy_pj``, counts and energies of the whole trace.
    stages
        ``stage`` and the times of the whole trace.
    """

    label: str
    folder: Path
    result: dict[str, Any]
    chip: dict[str, Any]
    ledger: pd.DataFrame
    stages: pd.DataFrame

    @property
    def n_tokens(self) -> int:
        """Tokens of the trace."""
        return int(self.result["trace"]["tokens"])


def read_reports(folders: list[Path]) -> list[Finished]:
    """Read finished reports, for the functions of this module; two of the same pair are named by their folders.

    Raises
    ------
    OutputError
        For fewer than two, or a folder without a whole report.
    """
    if len(folders) < 2:
        raise OutputError(f"compare: found {len(folders)} report, expected two or more")
    found = [read_finished(folder) for folder in folders]
    labels = [report.label for report in found]
    if len(set(labels)) == len(labels):
        return found
    return [Finished(f"{x.label} ({x.folder})", x.folder, x.result, x.chip, x.ledger, x.stages) for x in found]


def read_finished(folder: Path) -> Finished:
    """Read one finished report; raises OutputError for a folder without a whole one."""
    result = read_result(folder)
    if result["trace"]["tokens"] < 1:
        raise damaged(folder / RESULT, "trace.tokens: found 0, expected at least 1")
    chip = read_record(folder / CHIP_FILE)
    ledger = read_table(folder / "components.csv", ("owner", "component", "action"), ("count", "energy_pj"))
    stages = read_table(folder / "stages.csv", ("stage",), ("total_ps",))
    times = [name for name in stages.columns if name.endswith("_ps")]
    stages = read_table(folder / "stages.csv", ("stage",), times)[["stage", *times]]
    label = f"{result['trace']['name']} on {result['chip']['name']}"
    return Finished(label, folder, result, chip, ledger, stages)


def changes(before: Finished, after: Finished) -> pd.DataFrame:
    """What differs in the chips and in the traces: ``where, before, after``; nothing of sources and notes."""
    rows = [(f"chip {key}", old, new) for key, old, new in _differences(before.chip, after.chip)]
    rows += [
        (f"trace {key}", old, new)
        for key, old, new in _differences(before.result["trace"], after.result["trace"])
        if key != "content_hash"
    ]
    return pd.DataFrame(rows, columns=["where", "before", "after"])


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(path, before, after) of every leaf that differs."""
    old, new = dict(leaves(before)), dict(leaves(after))
    for path in dict.fromkeys([*old, *new]):
        if old.get(path) != new.get(path) and NOT_A_CHANGE.isdisjoint(path):
            yield ".".join(path), _shown(old.get(path)), _shown(new.get(path))


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


def energy_difference(before: Finished, after: Finished) -> pd.DataFrame:
    """Energy of one token by owner and component: ``owner, component, before_pj, after_pj, difference_pj``.

    Owners (layers, ops, stages) are summed over the blocks, in the order of the first report. What only one report has
    is 0 in the other.
    """
    sums = [_per_token(report, ["owner", "component"])["energy_pj"] for report in (before, after)]
    table = pd.concat(sums, axis=1, keys=["before_pj", "after_pj"]).fillna(0.0)
    table["difference_pj"] = table["after_pj"] - table["before_pj"]
    return table.reset_index()


def time_difference(before: Finished, after: Finished) -> pd.DataFrame:
    """Time of one token by stage (summed over blocks) and part: ``stage, part, before_ps, after_ps, difference_ps``."""
    tables = []
    for report in (before, after):
        long = report.stages.drop(columns="total_ps").melt("stage", var_name="part", value_name="time_ps")
        long["stage"] = [split_block(stage)[1] for stage in long["stage"]]
        long["part"] = long["part"].str.removesuffix("_ps")
        tables.append(long.groupby(["stage", "part"], sort=False)["time_ps"].sum() / report.n_tokens)
    table = pd.concat(tables, axis=1, keys=["before_ps", "after_ps"]).fillna(0.0)
    table["difference_ps"] = table["after_ps"] - table["before_ps"]
    return table.reset_index()


def energy_causes(before: Finished, after: Finished, most: int = CAUSES) -> list[str]:
    """The largest differences of energy per token by owner, component and action, each with its reason, in words."""
    keys = ["owner", "component", "action"]
    old, new = _per_token(before, keys).add_suffix("_before"), _per_token(after, keys).add_suffix("_after")
    table = old.join(new, how="outer", sort=False).fillna(0.0)
    table["difference"] = table["energy_pj_after"] - table["energy_pj_before"]
    table = table[table["difference"] != 0]
    order = table["difference"].abs().sort_values(ascending=False, kind="stable").index[:most]
    return [_energy_cause(".".join(key[1:]), str(key[0]), table.loc[key]) for key in order]


def time_causes(before: Finished, after: Finished, most: int = CAUSES) -> list[str]:
    """The largest differences of time per token by stage and part, in words."""
    table = time_difference(before, after)
    table = table[table["difference_ps"] != 0]
    order = table["difference_ps"].abs().sort_values(ascending=False, kind="stable").index[:most]
    words = []
    for row in table.loc[order].to_dict("records"):
        change = _change(row["before_ps"], row["after_ps"])
        amount = format_time(abs(row["difference_ps"]))
        words.append(f"{row['part']} of {row['stage']}: {_sign(row['difference_ps'])}{amount} per token ({change})")
    return words


def headline(before: Finished, after: Finished) -> str:
    """Energy and time per token of the second over the first, in words."""
    old, new = before.result, after.result
    energies = old["energy"]["per_token_pj"], new["energy"]["per_token_pj"]
    times = old["latency"]["per_token_ps"], new["latency"]["per_token_ps"]
    return (
        f"{after.label} takes {format_energy(energies[1])} and {format_time(times[1])} per token,"
        f" {format_ratio(_ratio(*energies))} the energy and {format_ratio(_ratio(*times))} the time of {before.label}"
        f" ({format_energy(energies[0])}, {format_time(times[0])})."
    )


def _per_token(report: Finished, keys: list[str]) -> pd.DataFrame:
    """Counts and energies of one token by ``keys``, layers summed over the blocks."""
    rows = report.ledger.assign(owner=[split_block(owner)[1] for owner in report.ledger["owner"]])
    return rows.groupby(keys, sort=False)[["count", "energy_pj"]].sum() / report.n_tokens


def _energy_cause(action: str, layer: str, row: pd.Series) -> str:
    """One difference and whether more was done or each cost more."""
    counts, energies = (row["count_before"], row["count_after"]), (row["energy_pj_before"], row["energy_pj_after"])
    reasons = []
    if counts[0] and counts[1]:
        prices = energies[0] / counts[0], energies[1] / counts[1]
        what = "chip time" if is_power(action) else "count"
        reasons = [format_change(what, *counts)] if counts[0] != counts[1] else []
        if not math.isclose(*prices, rel_tol=1e-9):
            reasons.append(format_change("price", *prices) if prices[0] else "priced now, not before")
    change = ", ".join(reasons) or _change(*counts)
    amount = format_energy(abs(row["difference"]))
    return f"{action} of {layer}: {_sign(row['difference'])}{amount} per token ({change})"


def _change(before: float, after: float) -> str:
    """``1.20x``, or that one of the two has none."""
    if not before:
        return "none before"
    return format_ratio(after / before) if after else "none now"


def _sign(difference: float) -> str:
    return "+" if difference > 0 else "-"


def _ratio(before: float, after: float) -> float:
    return after / before if before else math.nan
