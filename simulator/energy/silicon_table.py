"""The table of the measurements on silicon: every published part with its error, misses first; notes; drift."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

from simulator.energy.arithmetic import evaluate
from simulator.energy.prices import chip_prices
from simulator.energy.silicon_case import Part, SiliconCase
from simulator.energy.silicon_run import Outcome, Verdict

if TYPE_CHECKING:
    import pandas as pd


class Row(NamedTuple):
    """One line of the table; ``published`` grades the measurement, ``rests_on`` the simulated value."""

    case: str
    part: str
    chip: str
    measured: str
    simulated: str
    error: str
    published: str
    rests_on: str
    role: str
    target: str
    verdict: str


def silicon_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """One `Row` per published part: missed targets, then parts without one, then met; the largest error first."""
    import pandas as pd

    found = [(outcome, verdict) for outcome in outcomes for verdict in outcome.verdicts.values()]
    found.sort(key=lambda pair: _order(pair[1].part, pair[1].error))
    return pd.DataFrame([_row(outcome, verdict) for outcome, verdict in found], columns=Row._fields)


def recorded_table(cases: Iterable[SiliconCase]) -> pd.DataFrame:
    """The table as it was recorded, without a simulation: ``case, part, chip, measured, simulated, error, role, target,
    verdict``, in the order of `silicon_table`.
    """
    import pandas as pd

    parts = [(case, point, part) for case in cases for point in case.points for part in point.parts.values()]
    parts.sort(key=lambda found: _order(found[2], found[2].recorded / 100))
    rows = [
        (
            f"{case.name}, {point.name}",
            part.of,
            case.chip,
            f"{part.measured:.4g} {part.unit}",
            f"{part.measured * (1 + part.recorded / 100):.3g} {part.unit}",
            f"{part.recorded:+.1f} %",
            case.grade,
            part.role,
            "none" if part.target is None else f"{part.target:g} %",
            _verdict(part, part.recorded / 100),
        )
        for case, point, part in parts
    ]
    columns = [name for name in Row._fields if name != "rests_on"]
    return pd.DataFrame(rows, columns=columns)


def silicon_notes(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """Source, settings and notes under the names of the points that they belong to; what points share is said once."""
    lines: dict[str, list[str]] = {}
    for outcome in outcomes:
        for line in _lines(outcome):
            lines.setdefault(line, []).append(outcome.name)
    notes: dict[str, list[str]] = {}
    for line, names in lines.items():
        notes.setdefault("; ".join(names), []).append(line)
    return notes


def drifted_lines(outcomes: Iterable[Outcome]) -> list[str]:
    """One line for each part whose error is more than 2 points from the recorded one."""
    return [
        f"{outcome.name}: {verdict.part.of}: error {verdict.error:+.1%}, recorded {verdict.part.recorded:+.1f} %:"
        f" {verdict.drift:+.1f} points, expected at most 2"
        for outcome in outcomes
        for verdict in outcome.verdicts.values()
        if verdict.drifted
    ]


def _row(outcome: Outcome, verdict: Verdict) -> Row:
    part = verdict.part
    return Row(
        case=outcome.name,
        part=part.of,
        chip=outcome.case.chip,
        measured=f"{part.measured:.4g} {part.unit}",
        simulated=f"{verdict.simulated:.4g} {part.unit}",
        error=f"{verdict.error:+.1%}",
        published=outcome.case.grade,
        rests_on=verdict.grade,
        role=part.role,
        target="none" if part.target is None else f"{part.target:g} %",
        verdict=_verdict(part, verdict.error),
    )


def _verdict(part: Part, error: float) -> str:
    if part.role == "fitted":
        return "used for fitting"
    if part.target is None:
        return "no target"
    return "pass" if 100 * abs(error) <= part.target else "fail"


def _order(part: Part, error: float) -> tuple[int, float]:
    rank = ("fail", "no target", "pass", "used for fitting").index(_verdict(part, error))
    return rank, -abs(error)


def _lines(outcome: Outcome) -> Iterator[str]:
    """What a reader must know of one point."""
    case, point = outcome.case, outcome.point
    yield f"measured: {case.source}"
    for setting in (*case.settings, *point.settings):
        yield f"set {setting.path} = {setting.value}: {setting.why}"
    if case.density is not None:
        low, high = case.density.low, case.density.high
        yield f"weights that are not zero: {case.density.value:g} ({low:g} to {high:g}), {case.density.why}"
    known = _grouped(names_of(outcome))
    for note in (*case.notes, *point.notes):
        yield note.format_map(known)


def names_of(outcome: Outcome) -> dict[str, float]:
    """Numbers that notes and facts can name, computed from this replay."""
    case = outcome.case
    known: dict[str, float] = dict(case.given)
    known |= {f"price.{_flat(name)}": price.pj_per_count for name, price in chip_prices(outcome.chip).items()}
    for name, verdict in outcome.verdicts.items():
        known |= {f"measured.{name}": verdict.part.measured, f"simulated.{name}": verdict.simulated}
        known[f"error.{name}"] = verdict.error
    if outcome.result is not None:
        times = outcome.result.stages.drop(columns="stage").sum()
        known |= {
            f"share.{str(name).removesuffix('_ps')}": float(ps) / outcome.result.total_ps for name, ps in times.items()
        }
    if outcome.ledger is not None:
        rows = outcome.ledger.rows
        keys = rows["component"] + "_" + rows["action"]
        for quantity, column in (("count", "count"), ("energy", "energy_pj")):
            known |= {f"{quantity}.{key}": float(n) for key, n in rows[column].groupby(keys).sum().items()}
    for name, formula in case.facts.items():
        if _named(formula, known):
            known[name] = evaluate(formula, known)
    return known


def _named(formula: str, known: dict[str, float]) -> bool:
    """Whether the parts that a formula names are published of this point; another point of the case may have them."""
    parts = re.findall(r"\b(?:measured|simulated|error)\.\w+", formula)
    return all(part in known for part in parts)


def _grouped(known: dict[str, float]) -> dict[str, float | SimpleNamespace]:
    """Names with a dot as attributes of a namespace, as a text that is formatted asks for them."""
    groups: dict[str, dict[str, float]] = {}
    for name, value in known.items():
        group, dot, rest = name.partition(".")
        if dot:
            groups.setdefault(group, {})[rest] = value
    plain = {name: value for name, value in known.items() if "." not in name}
    return plain | {group: SimpleNamespace(**names) for group, names in groups.items()}


def _flat(name: str) -> str:
    return name.replace(".", "_")
