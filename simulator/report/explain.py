"""Where a picojoule of a finished report comes from: its count, its price, the line of the chip file, paper, range.

Read from the report's folder alone, so that it answers for the numbers as they were printed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.actions import is_power
from simulator.config.chip_files import chip_from_tree, chip_tree
from simulator.config.yaml_marks import MapNode, Node
from simulator.errors import SpikewattError, did_you_mean
from simulator.outputs.shown_text import one_line
from simulator.report.format import format_energy, format_power, format_share
from simulator.report.report_files import CHIP_FILE
from simulator.report.report_reading import check_fields, damaged, read_record, read_table
from simulator.report.tables import split_block

# Columns that a price brings.
SHOWN = ("path", "grade", "node_nm", "voltage", "citation", "note", "low_pj_per_count", "high_pj_per_count")


def explain_table(folder: Path, layer: str = "*", action: str = "*") -> pd.DataFrame:
    """One row per number of the ledger whose owner and ``component.action`` match, the most energy first.

    Patterns are those of a shell (``blocks.0.*``, ``synapse.*``), of layers also their kind (``gate``). Columns:
    ``owner, action, count, pj_per_count, energy_pj, share`` (of the report's total), ``low_pj, high_pj`` (the energy at
    the ends of the price's range; the energy itself where it has none), ``low_pj_per_count, high_pj_per_count`` (NaN
    without a range), ``path`` (of the price in the chip file), ``grade, node_nm, voltage, citation, note``. Energies
    are of the whole trace. Static power is counted in chip-ps: its pJ per count are W. ``layer`` is the pattern of the
    owner (a layer, op or stage).

    Raises
    ------
    OutputError
        ``folder`` is not a complete report.
    SpikewattError
        Nothing matches.
    """
    ledger = read_table(
        folder / "components.csv", ("owner", "component", "action"), ("count", "energy_pj"), ("pj_per_count",)
    )
    gaps = ("low_pj_per_count", "high_pj_per_count", "node_nm", "voltage")
    prices = read_table(folder / "assumptions.csv", ("action", "path", "grade"), (), gaps)
    if prices["action"].duplicated().any():
        raise damaged(folder / "assumptions.csv", "column action: found a price twice, expected it once")
    prices = prices.set_index("action").reindex(columns=SHOWN)
    total = ledger["energy_pj"].sum()
    ledger["action"] = ledger["component"] + "." + ledger["action"]
    matching = [
        _is_of(of, layer) and fnmatchcase(what, action)
        for of, what in zip(ledger["owner"], ledger["action"], strict=True)
    ]
    found = ledger[matching].sort_values("energy_pj", ascending=False, kind="stable")
    if found.empty:
        raise SpikewattError(f"{folder}: {_no_match(ledger, layer, action)}")
    price = prices.reindex(found["action"]).reset_index()
    table = found[["owner", "action", "count", "pj_per_count", "energy_pj"]].reset_index(drop=True)
    table["share"] = table["energy_pj"] / total if total else 0.0
    for end in ("low", "high"):
        bound = price[f"{end}_pj_per_count"]
        table[f"{end}_pj"] = table["energy_pj"].where(bound.isna(), table["count"] * bound)
        table[f"{end}_pj_per_count"] = bound
    return table.join(price[["path", "grade", "node_nm", "voltage", "citation", "note"]])


def _is_of(owner: str, pattern: str) -> bool:
    """Whether a pattern matches an owner, or its kind, which is its name in every block."""
    return fnmatchcase(owner, pattern) or fnmatchcase(split_block(owner)[1], pattern)


def _no_match(ledger: pd.DataFrame, layer: str, action: str) -> str:
    """Which of two patterns matches no row of a ledger, and a name that it may mean."""
    for option, pattern, column in (("--layer", layer, "owner"), ("--action", action, "action")):
        names = ledger[column].unique().tolist()
        if not any(_is_of(name, pattern) if column == "owner" else fnmatchcase(name, pattern) for name in names):
            word = pattern.strip("*.")
            inside = next((name for name in names if word and word in name), None)
            hint = f" (did you mean '{inside}'?)" if inside else did_you_mean(pattern, {*names, *_ends(names)})
            return f"{option} {pattern}: matches none of {len(names)} names, expected one such as {names[0]}{hint}"
    return f"--layer {layer} and --action {action}: no row has both, expected names of one row; see components.csv"


def _ends(names: Iterable[str]) -> list[str]:
    """Names without what is before the last point: the kinds of layers, the actions of components."""
    return [name.rpartition(".")[2] for name in names]


def price_places(folder: Path, paths: Iterable[str], chip: str | None = None) -> dict[str, str]:
    """Path of a price -> ``file:line:column`` in the chip file, for the prices that are there as the report has them.

    ``chip`` is the file (or name) of the chip, by default the shipped one of the report's name. What was set on the
    command line, or has been changed in the file since, has no place in it.
    """
    used = read_record(folder / CHIP_FILE)
    check_fields(folder / CHIP_FILE, used, (), ("name",))
    try:
        tree, problems = chip_tree(used["name"] if chip is None else chip)
        current = chip_from_tree(tree, problems, ()).model_dump(mode="json")
    except SpikewattError:
        if chip is not None:
            raise
        return {}
    places = {path: _place(tree, path) for path in paths if _under(used, path) == _under(current, path)}
    return {path: place for path, place in places.items() if place is not None}


def _under(record: Any, path: str) -> Any:
    """What ``record`` holds at ``path``."""
    for key in path.split("."):
        record = record.get(key) if isinstance(record, dict) else None
    return record


def _place(tree: Node, path: str) -> str | None:
    """Where the deepest key of ``path`` that the file has stands."""
    place = None
    for key in path.split("."):
        if not isinstance(tree, MapNode) or key not in tree.items:
            break
        place, tree = tree.items[key]
    return None if place is None else str(place)


def explain_lines(table: pd.DataFrame, places: Mapping[str, str]) -> Iterator[str]:
    """Three lines per row of `explain_table`: the arithmetic, the place and grade of the price, the paper.

    A paper of several rows has a number and is written out the first time.
    """
    rows = table.to_dict("records")
    numbers: dict[str, int] = {}
    shared = {citation for citation, n in Counter(row["citation"] for row in rows).items() if n > 1}
    for row in rows:
        yield f"{row['owner']} {row['action']}: {_arithmetic(row)}, {format_share(row['share'])} of the total"
        place = places.get(row["path"])
        where = row["path"] if place is None else f"{row['path']} ({place})"
        yield f"  price: {where}, {row['grade']}{_conditions(row)}; {_span(row)}"
        note = "" if pd.isna(row["note"]) else f". Note: {row['note']}"
        yield one_line(f"  source: {_cited(row['citation'], numbers, shared)}{note}")


def _cited(citation: str, numbers: dict[str, int], shared: set[str]) -> str:
    """``citation``, numbered where it is ``shared``; its number alone where that has been said."""
    if citation not in shared:
        return citation
    if citation in numbers:
        return f"[{numbers[citation]}]"
    numbers[citation] = len(numbers) + 1
    return f"[{numbers[citation]}] {citation}"


def _arithmetic(row: Mapping[Any, Any]) -> str:
    """Count times price; static power is counted in chips x ps, and 1 W x 1 ps is 1 pJ."""
    if pd.isna(row["pj_per_count"]):
        return f"{row['count']:,} x 0, included in another price"
    unit, price = ("chip-ps x", format_power) if is_power(row["action"]) else ("x", format_energy)
    return f"{row['count']:,} {unit} {price(row['pj_per_count'])} = {format_energy(row['energy_pj'])}"


def _conditions(row: Mapping[Any, Any]) -> str:
    """Node and supply at which the price holds."""
    words = [f"{row[key]:g} {unit}" for key, unit in (("node_nm", "nm"), ("voltage", "V")) if pd.notna(row[key])]
    return f", {' '.join(words)}" if words else ""


def _span(row: Mapping[Any, Any]) -> str:
    """Range of the price and what it makes of the energy."""
    write = format_power if is_power(row["action"]) else format_energy
    ends = [
        (word, row[key])
        for word, key in (("from", "low_pj_per_count"), ("to", "high_pj_per_count"))
        if pd.notna(row[key])
    ]
    if not ends:
        return "no range is known"
    price = " ".join(f"{word} {write(end)}" for word, end in ends)
    return f"range {price}, so {format_energy(row['low_pj'])} to {format_energy(row['high_pj'])}"
