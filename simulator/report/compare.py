"""Two finished reports side by side: what was changed, what that did to energy and time, and why, in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from simulator.actions import is_power
from simulator.config.chip import ChipConfig
from simulator.config.schema_words import dimension_at
from simulator.engine.timing import PIPELINE
from simulator.errors import OutputError
from simulator.report.format import format_change, format_energy, format_quantity, format_ratio, format_time
from simulator.report.overview import read_result
from simulator.report.report_files import CHIP_FILE
from simulator.report.report_reading import RESULT, damaged, read_record, read_table
from simulator.report.result_json import leaves
from simulator.report.tables import split_block

CAUSES = 5
ALL_STAGES = "all stages"
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

    @property
    def time_per_token_ps(self) -> float:
        """Time of the whole trace over its tokens, ps: what the parts of `stages` add up to."""
        return float(self.stages["total_ps"].sum()) / self.n_tokens

    @property
    def is_pipelined(self) -> bool:
        """Whether stages worked at the same time, which leaves one row of times for all of them."""
        return bool((self.stages["stage"] == PIPELINE).any())


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
    rows = [
        (f"chip {'.'.join(path)}", *(_shown(value, dimension_at(ChipConfig, path)) for value in values))
        for path, *values in _differences(before.chip, after.chip)
    ]
    rows += [
        (f"trace {'.'.join(path)}", *map(_shown, values))
        for path, *values in _differences(before.result["trace"], after.result["trace"])
        if path != ("content_hash",)
    ]
    return pd.DataFrame(rows, columns=["where", "before", "after"])


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], object, object]]:
    """(path, before, after) of every leaf that differs."""
    old, new = dict(leaves(before)), dict(leaves(after))
    for path in dict.fromkeys([*old, *new]):
        if old.get(path) != new.get(path) and NOT_A_CHANGE.isdisjoint(path):
            yield path, old.get(path), new.get(path)


def _shown(value: object, dimension: str | None = None) -> str:
    """A value of a file for people: a quantity with its unit."""
    if value is None:
        return "none"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.6g}" if dimension is None else format_quantity(value, dimension)


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
    """Time of one token by stage (summed over blocks) and part: ``stage, part, before_ps, after_ps, difference_ps``.

    Times are those of the whole trace over its tokens. The stages of a pipeline work at once, so their times have no
    counterpart in a run without one: where only one of the two is pipelined, the parts are those of all stages.
    """
    together = before.is_pipelined != after.is_pipelined
    tables = []
    for report in (before, after):
        long = report.stages.drop(columns="total_ps").melt("stage", var_name="part", value_name="time_ps")
        long["stage"] = ALL_STAGES if together else [split_block(stage)[1] for stage in long["stage"]]
        long["part"] = long["part"].str.removesuffix("_ps")
        tables.append(long.groupby(["stage", "part"], sort=False)["time_ps"].sum() / report.n_tokens)
    table = pd.concat(tables, axis=1, keys=["before_ps", "after_ps"]).fillna(0.0)
    table["difference_ps"] = table["after_ps"] - table["before_ps"]
    return table.reset_index()


class Cause(NamedTuple):
    """A part of a difference.

    Attributes
    ----------
    amount
        Per token, in pJ or ps; negative is saved.
    words
        Where and why.
    """

    amount: float
    words: str


def energy_causes(before: Finished, after: Finished, most: int = CAUSES) -> list[str]:
    """The largest differences of energy per token by owner, component and action, each with its reason, in words.

    The last line, where there are several, sums the others and all of them.
    """
    return _in_words(energy_parts(before, after), most, format_energy)


def time_causes(before: Finished, after: Finished, most: int = CAUSES) -> list[str]:
    """The largest differences of time per token by stage and part, in words; the last line as in `energy_causes`."""
    return _in_words(time_parts(before, after), most, format_time)


def energy_parts(before: Finished, after: Finished) -> list[Cause]:
    """Every difference of the energy of one token, the largest first: they add up to that of the totals."""
    keys = ["owner", "component", "action"]
    old, new = _per_token(before, keys).add_suffix("_before"), _per_token(after, keys).add_suffix("_after")
    table = old.join(new, how="outer", sort=False).fillna(0.0)
    table["difference"] = table["energy_pj_after"] - table["energy_pj_before"]
    rows = _largest_first(table, "difference").reset_index().to_dict("records")
    return [Cause(row["difference"], _energy_cause(row)) for row in rows]


def time_parts(before: Finished, after: Finished) -> list[Cause]:
    """Every difference of the time of one token, the largest first: they add up to that of `time_per_token_ps`."""
    rows = _largest_first(time_difference(before, after), "difference_ps").to_dict("records")
    return [Cause(row["difference_ps"], _time_cause(row)) for row in rows]


def _largest_first(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows that differ."""
    found = table[table[column] != 0]
    return found.loc[found[column].abs().sort_values(ascending=False, kind="stable").index]


def _in_words(parts: Sequence[Cause], most: int, write: Callable[[float], str]) -> list[str]:
    """The largest parts in words, and what the others and all of them add up to."""
    said = [part.words for part in parts[:most]]
    if len(parts) < 2:
        return said
    whole = _signed(math.fsum(part.amount for part in parts), write)
    if len(parts) <= most:
        return [*said, f"all {len(parts)} together: {whole} per token"]
    rest = _signed(math.fsum(part.amount for part in parts[most:]), write)
    others = len(parts) - most
    words = "1 other difference" if others == 1 else f"{others} other differences"
    return [*said, f"{words}: {rest} per token; all {len(parts)} together: {whole} per token"]


def headline(before: Finished, after: Finished) -> str:
    """Energy and time per token of the second over the first, in words; of the whole trace, as the causes are."""
    old, new = before.result, after.result
    energies = old["energy"]["per_token_pj"], new["energy"]["per_token_pj"]
    times = before.time_per_token_ps, after.time_per_token_ps
    return (
        f"{after.label} takes {format_energy(energies[1])} and {format_time(times[1])} per token,"
        f" {format_ratio(_ratio(*energies))} the energy and {format_ratio(_ratio(*times))} the time of {before.label}"
        f" ({format_energy(energies[0])}, {format_time(times[0])}).{_in_the_chip(before, after)}"
    )


def _in_the_chip(before: Finished, after: Finished) -> str:
    """How long a token is in the chip, where tokens overlap and that is another time."""
    if not (before.is_pipelined or after.is_pipelined):
        return ""
    times = [format_time(report.result["latency"]["per_token_ps"]) for report in (before, after)]
    return f" A token is in the chip for {times[1]} ({times[0]})."


def _per_token(report: Finished, keys: list[str]) -> pd.DataFrame:
    """Counts and energies of one token by ``keys``, layers summed over the blocks."""
    rows = report.ledger.assign(owner=[split_block(owner)[1] for owner in report.ledger["owner"]])
    return rows.groupby(keys, sort=False)[["count", "energy_pj"]].sum() / report.n_tokens


def _energy_cause(row: Mapping[Any, Any]) -> str:
    """One difference and whether more was done or each cost more."""
    action = f"{row['component']}.{row['action']}"
    counts, energies = (row["count_before"], row["count_after"]), (row["energy_pj_before"], row["energy_pj_after"])
    reasons = []
    if counts[0] and counts[1]:
        prices = energies[0] / counts[0], energies[1] / counts[1]
        what = "chip time" if is_power(action) else "count"
        reasons = [format_change(what, *counts)] if counts[0] != counts[1] else []
        if not math.isclose(*prices, rel_tol=1e-9):
            reasons.append(format_change("price", *prices) if prices[0] else "priced now, not before")
    change = ", ".join(reasons) or _change(*counts)
    return f"{action} of {row['owner']}: {_signed(row['difference'], format_energy)} per token ({change})"


def _time_cause(row: Mapping[Any, Any]) -> str:
    """One difference of time."""
    change = _change(row["before_ps"], row["after_ps"])
    return f"{row['part']} of {row['stage']}: {_signed(row['difference_ps'], format_time)} per token ({change})"


def _change(before: float, after: float) -> str:
    """``1.20x``, or that one of the two has none."""
    if not before:
        return "none before"
    return format_ratio(after / before) if after else "none now"


def _signed(difference: float, write: Callable[[float], str]) -> str:
    """An amount with its sign; none has none."""
    return ("+" if difference > 0 else "-" if difference < 0 else "") + write(abs(difference))


def _ratio(before: float, after: float) -> float:
    return after / before if before else math.nan
