"""The data of the what-if view: what a browser needs to price finished counts again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from simulator.actions import COMPONENTS, is_power
from simulator.engine.timing import PIPELINE
from simulator.report.compare import Finished
from simulator.report.report_reading import POINT, read_table
from simulator.report.run import Run
from simulator.report.tables import assumption_table, owner_table, split_block

FACT = ["pj_per_count", "low_pj_per_count", "high_pj_per_count", "citation", "note"]  # one fact has these in common
PRICE_NUMBERS = ("pj_per_count", "low_pj_per_count", "high_pj_per_count")


def what_if_of_run(run: Run) -> dict[str, Any]:
    """`what_if` of one run."""
    owners = owner_table(run)[["owner", "stage"]]
    tables = _Tables(run.ledger.rows, assumption_table(run), owners, run.result.stages, run.result.cores)
    chip = run.chip.model_dump(mode="json")
    return what_if([_report("this report", chip, run.n_tokens, run.ledger.total_pj, tables)])


def what_if_of_reports(reports: Sequence[Finished]) -> dict[str, Any]:
    """`what_if` of finished reports, read from their folders.

    Raises
    ------
    OutputError
        A report lacks a file or a column.
    """
    return what_if([_of_finished(report) for report in reports])


def what_if(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the script of the page reads: the ``reports``, and the ``groups`` of prices that one slider moves.

    Energy is the reported total plus the sum of count x change of price, so at the start it is the total to the last
    bit. Prices that state one fact (the two directions of a hop) share a slider. The largest energy comes first.
    """
    facts: dict[str, list[str]] = {}
    energy: dict[str, float] = {}
    for report in reports:
        for price in report["prices"]:
            name = price["name"]
            group = facts.setdefault(price["fact"], [])
            if name not in (known for names in facts.values() for known in names):
                group.append(name)
            energy[name] = max(energy.get(name, 0.0), price.pop("energy") / report["total"] if report["total"] else 0.0)
            del price["fact"]
    groups = [names for names in facts.values() if names]
    groups.sort(key=lambda names: -sum(energy[name] for name in names))
    colors = {name: component.look.color for name, component in COMPONENTS.items()}
    return {"reports": list(reports), "groups": groups, "colors": colors}


def _of_finished(report: Finished) -> dict[str, Any]:
    folder = report.folder
    texts = ("action", "unit", "path", "grade", "citation")
    prices = read_table(folder / "assumptions.csv", texts, ("energy_pj",), PRICE_NUMBERS)
    prices["note"] = prices["note"].astype(object).where(prices["note"].notna(), "") if "note" in prices else ""
    if POINT in report.result:  # of a sweep: it has no layers apart
        owners = pd.DataFrame({"owner": report.ledger["owner"].unique(), "stage": report.ledger["owner"].unique()})
        cores = pd.DataFrame({"owner": []})
    else:
        owners = read_table(folder / "owners.csv", ("owner", "stage"), ())[["owner", "stage"]]
        cores = read_table(folder / "cores.csv", ("owner",), ())
    tables = _Tables(report.ledger, prices, owners, report.stages, cores)
    return _report(report.label, report.chip, report.n_tokens, report.result["energy"]["total_pj"], tables)


class _Tables(NamedTuple):
    """The tables of a report that the view needs."""

    ledger: pd.DataFrame
    prices: pd.DataFrame
    owners: pd.DataFrame
    stages: pd.DataFrame
    cores: pd.DataFrame


def _report(label: str, chip: Mapping[str, Any], tokens: int, total_pj: float, of: _Tables) -> dict[str, Any]:
    """One report: its total, its prices, its stages, and the counts of every owner by price."""
    priced = of.prices.dropna(subset=["pj_per_count"]).reset_index(drop=True)
    number = {action: i for i, action in enumerate(priced["action"])}
    kind_of = {owner: split_block(stage)[1] for owner, stage in of.owners.itertuples(index=False)}
    charged = _charged(of.stages, of.cores, kind_of)
    kinds = list(dict.fromkeys([*charged, *kind_of.values()]))
    place = {kind: i for i, kind in enumerate(kinds)}
    return {
        "label": label,
        "chip": chip["name"],
        "tokens": tokens,
        "total": total_pj,
        "prices": [_price(row, chip) for row in priced.to_dict("records")],
        "stages": kinds,
        "charged": [charged.get(kind, 0.0) for kind in kinds],
        "owners": list(_owners(of.ledger, number, kind_of, place)),
    }


def _charged(stages: pd.DataFrame, cores: pd.DataFrame, kind_of: Mapping[str, str]) -> dict[str, float]:
    """Time in ps that pays for static power, by kind of stage; sums to the elapsed time.

    A stage that works alone pays for its time. Stages of a pipeline work at once and share its time by their cores.
    """
    times: dict[str, float] = {}
    for stage, time in zip(stages["stage"], stages["total_ps"], strict=True):
        kind = split_block(str(stage))[1]
        times[kind] = times.get(kind, 0.0) + float(time)
    pipeline = times.pop(PIPELINE, 0.0)
    held = pd.Series([kind_of.get(owner, split_block(str(owner))[1]) for owner in cores["owner"]]).value_counts()
    for held_by, n in held.items() if pipeline else ():
        times[str(held_by)] = times.get(str(held_by), 0.0) + pipeline * float(n) / float(held.sum())
    return times


def _price(row: dict[Any, Any], chip: Mapping[str, Any]) -> dict[str, Any]:
    """One price: its value and range in pJ (static power: W), what the chip file says, and what is known of it.

    A chip file gives static power for one of several parts; ``stated`` is that figure.
    """
    value, low, high = (None if pd.isna(row[name]) else float(row[name]) for name in PRICE_NUMBERS)
    power = is_power(str(row["action"]))
    return {
        "name": row["action"],
        "value": value,
        "low": low,
        "high": high,
        "stated": _stated(chip, str(row["path"]), value),
        "per": "" if power else str(row["unit"]).partition("/")[2],
        "unit": "W" if power else "J",
        "grade": row["grade"],
        "path": row["path"],
        "source": row["citation"] + (f". Note: {row['note']}" if row["note"] else ""),
        "fact": json.dumps([str(row[name]) for name in FACT]),
        "energy": float(row["energy_pj"]),
    }


def _stated(chip: Mapping[str, Any], path: str, value: float | None) -> float | None:
    """The number at ``path`` of a chip file as JSON; ``value`` where it holds none."""
    found: Any = chip
    for key in (*path.split("."), "value"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, (int, float)) else value


def _owners(
    ledger: pd.DataFrame, number: dict[str, int], kind_of: dict[str, str], place: dict[str, int]
) -> Iterable[list[Any]]:
    """Per owner: its name, the number of its stage, then number of a price and count in turn."""
    actions = ledger["component"] + "." + ledger["action"]
    counts: dict[str, list[int]] = {}
    for owner, action, count in zip(ledger["owner"], actions, ledger["count"], strict=True):
        pairs = counts.setdefault(owner, [])
        if action in number and count:
            pairs += [number[action], int(count)]
    for owner, pairs in counts.items():
        yield [owner, place[kind_of[owner]], *pairs]
