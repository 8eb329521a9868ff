"""A result compared with a stored one: what moved by more than a tolerance, where, and why."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from simulator.actions import is_power
from simulator.errors import OutputError, SpikewattError
from simulator.outputs.output_file import JSON, replaced_whole
from simulator.report.format import format_change, format_energy, format_time
from simulator.report.overview import read_result_file
from simulator.report.report_reading import check_fields
from simulator.report.result_json import SCHEMA_VERSION, leaves

NESTED = {"energy.by_kind": 3, "energy.by_owner": 1, "latency.by_stage": 2}  # place -> keys above its numbers
COUNTS = ("spikes", "synops", "packets", "packet_hops")
SMALLEST = 1e-3  # of the stored total: a part that moved by less is in the totals alone


class Drift(NamedTuple):
    """A number that moved by more than the tolerance.

    Attributes
    ----------
    place
        What it is: ``energy per token``, or layer and component.
    before, after
        The stored number and the new one, in pJ or ps per token; counts of the whole trace.
    write
        ``energy``, ``time`` or ``count``.
    cause
        Why, in words; empty for sums.
    """

    place: tuple[str, str]
    before: float
    after: float
    write: str
    cause: str = ""

    @property
    def change(self) -> str:
        """``+3.2 %``, or that one of the two has none."""
        return f"{100 * (self.after / self.before - 1):+.2f} %" if self.before else "new"


def parse_tolerance(text: str) -> float:
    """The share that ``1%`` or ``0.01`` is; raises SpikewattError for anything else."""
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = math.nan
    if not 0 <= share < 1:
        raise SpikewattError(f"--tolerance: found {text!r}, expected a share below 1, such as 1% or 0.01")
    return share


def read_golden(path: Path) -> dict[str, Any]:
    """A stored ``result.json``, under any name; raises OutputError for anything else."""
    result = read_result_file(path, (SCHEMA_VERSION,), _missing)
    check_fields(path, result, ("latency.total_ps", *(f"counts.{name}" for name in COUNTS)), ())
    if result["trace"]["tokens"] < 1:
        raise OutputError(f"{path}: damaged: trace.tokens: found 0, expected at least 1")
    for place, depth in NESTED.items():
        _check_nested(path, result, place, depth)
    return result


def _missing(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be read: {error.strerror}, expected a result.json")


def _check_nested(path: Path, result: Mapping[str, Any], place: str, depth: int) -> None:
    """Raise OutputError unless all that ``result`` holds at ``place`` is numbers, ``depth`` keys below it."""
    part, key = place.split(".")
    record = result[part].get(key, {}) if isinstance(result[part], Mapping) else None
    if not isinstance(record, Mapping):
        raise OutputError(f"{path}: damaged: {place}: found {type(record).__name__}, expected an object")
    for keys, value in leaves(record):
        if (
            len(keys) != depth
            or isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not 0 <= value < math.inf
        ):
            raise OutputError(f"{path}: damaged: {place}: {'.'.join(keys)}: found {value!r:.40}, expected a number")
    missing = [
        kind
        for kind, actions in record.items()
        if depth == 3 and any({"count", "energy_pj"} - set(x) for x in actions.values())
    ]
    if missing:
        raise OutputError(f"{path}: damaged: {place}: {missing[0]}: expected count and energy_pj of each action")


def drifts(golden: Mapping[str, Any], fresh: Mapping[str, Any], tolerance: float) -> list[Drift]:
    """What moved by more than ``tolerance`` of the stored number: sums first, then parts, the largest first.

    A part (energy of a layer's component, layers summed over the blocks; time of a stage) that moved by less than
    `SMALLEST` of the stored total is left to the sums.
    """
    sums = [drift for drift in _sums(golden, fresh) if _moved(drift, tolerance)]
    parts: list[tuple[float, Drift]] = []
    for found, total in (
        (_energies(golden, fresh), golden["energy"]["per_token_pj"]),
        (_times(golden, fresh), _time_per_token(golden)),
    ):
        for drift in found:
            share = abs(drift.after - drift.before) / total if total else math.inf
            if _moved(drift, tolerance) and share >= SMALLEST:
                parts.append((share, drift))
    return [*sums, *(drift for _, drift in sorted(parts, key=lambda pair: -pair[0]))]


def drift_report(
    golden: Mapping[str, Any], fresh: Mapping[str, Any], found: list[Drift], tolerance: float, name: str
) -> str:
    """The verdict as Markdown: what drifted, where, why, and which inputs are other ones."""
    verdict = f"{len(found)} numbers drifted" if len(found) != 1 else "1 number drifted"
    lines = [
        f"## Energy check: {verdict if found else 'no drift'}",
        "",
        f"{golden['trace']['name']} on {golden['chip']['name']}, compared with `{name}`;"
        f" tolerance {100 * tolerance:g} %.",
        "",
        "| | stored | now | change |",
        "|---|---:|---:|---:|",
        *(_row((drift.place[0],), drift) for drift in _sums(golden, fresh)),
    ]
    parts = [drift for drift in found if drift.place[1]]
    if parts:
        lines += ["", "| layer | component | stored per token | now | change | cause |", "|---|---|---:|---:|---:|---|"]
        lines += [_row(drift.place, drift, drift.cause) for drift in parts]
    other = list(_other_inputs(golden, fresh))
    if other:
        lines += ["", "Inputs that are not those of the stored result:", "", *(f"- {line}" for line in other)]
    return "\n".join([*lines, ""])


def _row(names: tuple[str, ...], drift: Drift, *more: str) -> str:
    cells = (*names, _written(drift.before, drift.write), _written(drift.after, drift.write), drift.change, *more)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _written(value: float, how: str) -> str:
    if how == "count":
        return f"{value:,.0f}"
    return format_energy(value) if how == "energy" else format_time(value)


def _moved(drift: Drift, tolerance: float) -> bool:
    return abs(drift.after - drift.before) > tolerance * drift.before


def _sums(golden: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[Drift]:
    """Energy, time and latency of a token, and the counts."""
    old, new = golden["energy"]["per_token_pj"], fresh["energy"]["per_token_pj"]
    yield Drift(("energy per token", ""), old, new, "energy")
    yield Drift(("time per token", ""), _time_per_token(golden), _time_per_token(fresh), "time")
    old, new = golden["latency"]["per_token_ps"], fresh["latency"]["per_token_ps"]
    yield Drift(("latency of a token", ""), old, new, "time")
    for name in COUNTS:
        yield Drift((name.replace("_", " "), ""), golden["counts"][name], fresh["counts"][name], "count")


def _time_per_token(result: Mapping[str, Any]) -> float:
    """Time of the whole trace over its tokens, ps: what the times of the stages add up to."""
    return float(result["latency"]["total_ps"]) / int(result["trace"]["tokens"])


def _energies(golden: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[Drift]:
    """Energy of a token by layer and component, each with the action that moved most."""
    by_kind = all("by_kind" in result["energy"] for result in (golden, fresh))
    old, new = (_cells(result["energy"], by_kind) for result in (golden, fresh))
    tokens = golden["trace"]["tokens"], fresh["trace"]["tokens"]
    for place in dict.fromkeys([*old, *new]):
        before, after = old.get(place, {}), new.get(place, {})
        energies = [
            math.fsum(entry["energy_pj"] for entry in x.values()) / n
            for x, n in zip((before, after), tokens, strict=True)
        ]
        yield Drift(place, energies[0], energies[1], "energy", _cause(before, after))


def _cells(energy: Mapping[str, Any], by_kind: bool) -> dict[tuple[str, str], dict[str, Any]]:
    """(kind of layer, component) -> action -> count and energy; by owner alone where results have no ``by_kind``."""
    if not by_kind:
        owners = energy.get("by_owner", {})
        return {(owner, "all"): {"": {"count": 0, "energy_pj": pj}} for owner, pj in owners.items()}
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for kind, actions in energy["by_kind"].items():
        for name, entry in actions.items():
            component = name.partition(".")[0]
            cells.setdefault((kind, component), {})[name] = entry
    return cells


def _cause(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The action whose energy moved most, and whether by its count or its price."""
    none = {"count": 0, "energy_pj": 0.0}
    names = [name for name in dict.fromkeys([*before, *after]) if name]
    if not names:
        return ""
    pairs = {name: (before.get(name, none), after.get(name, none)) for name in names}
    most = max(names, key=lambda name: abs(pairs[name][1]["energy_pj"] - pairs[name][0]["energy_pj"]))
    old, new = pairs[most]
    if not old["count"] or not new["count"]:
        return f"{most}: {'none before' if not old['count'] else 'none now'}"
    what = "time" if is_power(most) else "count"
    said = [format_change(what, old["count"], new["count"])] if new["count"] != old["count"] else []
    prices = [entry["energy_pj"] / entry["count"] for entry in (old, new)]
    if not math.isclose(*prices, rel_tol=1e-9):
        said.append(format_change("price", *prices) if prices[0] else "priced now, not before")
    return f"{most}: {', '.join(said) or 'sums of its blocks'}"


def _times(golden: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[Drift]:
    """Time of a token by stage, summed over blocks by the reader; the part that moved most is the cause."""
    old, new = (result["latency"].get("by_stage") or {} for result in (golden, fresh))
    tokens = golden["trace"]["tokens"], fresh["trace"]["tokens"]
    for stage in dict.fromkeys([*old, *new]):
        before, after = old.get(stage, {}), new.get(stage, {})
        parts = [name for name in dict.fromkeys([*before, *after]) if name != "total_ps"]
        moved = {name: abs(after.get(name, 0) / tokens[1] - before.get(name, 0) / tokens[0]) for name in parts}
        most = max(moved, key=lambda name: moved[name], default="")
        times = before.get("total_ps", 0) / tokens[0], after.get("total_ps", 0) / tokens[1]
        yield Drift((stage, "time"), *times, "time", most.removesuffix("_ps"))


def _other_inputs(golden: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[str]:
    """Inputs that differ: the chip file as resolved, the trace."""
    for part, key, words in (("chip", "sha256", "chip file as resolved"), ("trace", "content_hash", "trace")):
        old, new = golden[part].get(key), fresh[part].get(key)
        if old != new:
            names = f"{golden[part]['name']} -> {fresh[part]['name']}"
            yield f"{words}: {names}, {str(old)[:12]} -> {str(new)[:12]}"


def write_golden(path: Path, result: Mapping[str, Any]) -> None:
    """Store ``result`` in place of an earlier one; raises OutputError when it cannot be written."""
    try:
        with replaced_whole(path, JSON) as staged:
            staged.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
