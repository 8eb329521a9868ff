"""What the mapper found, in a few lines and two tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from simulator.mapper.estimate import Estimate
from simulator.mapper.mapping_file import MappingFile, pattern_of
from simulator.mapper.optimize import CLAIM, Checked, Optimized
from simulator.report.format import format_chips, format_energy, format_time

SHOWN_POINTS = 8  # of the front, spread over it


def summary_lines(found: Optimized) -> list[str]:
    """The chosen mapping, what it replaces, and whether the closed form holds.

    Where it is refused, the energy and time are those of the engine.
    """
    best, own = found.best.closed, found.own.closed
    lines = [f"{found.candidates} candidates for {found.objective}, {found.schedule}"]
    if found.refused:
        lines.append(f"chosen: {_engine_words(found.checked[-1])}, {_cores_words(best)}")
    else:
        lines += [f"chosen: {_estimate_words(best)}", f"the chip file's own: {_estimate_words(own)}"]
    if found.best is found.own:
        lines.append("no mapping found is better than the chip file's own, which stays")
    lines += [_checked_words(checked) for checked in found.checked]
    if found.refused:
        lines.append("its figures are left out: energy, time and front; use simulate --mapping FILE to find them")
    return lines


def _cores_words(found: Estimate) -> str:
    return f"{found.cores} cores on {format_chips(found.n_chips)}"


def _engine_words(checked: Checked) -> str:
    energy, time = checked.engine_pj / checked.n_tokens, round(checked.engine_ps / checked.n_tokens)
    return f"{format_energy(energy)} and {format_time(time)} per token for {checked.n_tokens} tokens in the engine"


def _estimate_words(found: Estimate) -> str:
    each = f"{format_energy(found.energy_pj)} and {format_time(round(found.interval_ps))} per token"
    return f"{each}, latency {format_time(round(found.latency_ps))}, {_cores_words(found)}"


def _checked_words(checked: Checked) -> str:
    energy, time = checked.closed_pj / checked.engine_pj - 1, checked.closed_ps / checked.engine_ps - 1
    verdict = "the closed form holds" if checked.holds else f"more than {CLAIM:.0%}: the closed form is refused here"
    return f"closed form against network model {checked.model}: energy {energy:+.1%}, time {time:+.1%}; {verdict}"


def front_table(found: Optimized) -> pd.DataFrame:
    """Energy against time against chips: points that no other beats, as searched."""
    points = found.front
    step = max(1, len(points) // SHOWN_POINTS)
    return pd.DataFrame(
        [
            {
                "energy/token": format_energy(point.energy_pj),
                "time/token": format_time(round(point.interval_ps)),
                "latency": format_time(round(point.latency_ps)),
                "chips": point.n_chips,
                "cores": point.cores,
            }
            for point in points[::step]
        ]
    )


def without_table(found: Optimized) -> pd.DataFrame:
    """What it costs to do without each choice."""
    best = found.best.closed
    return pd.DataFrame(
        [
            {
                "without": what,
                "energy/token": format_energy(other.energy_pj),
                "time/token": format_time(round(other.interval_ps)),
                "chips": other.n_chips,
                "energy x": f"{other.energy_pj / best.energy_pj:.2f}",
                "time x": f"{other.interval_ps / best.interval_ps:.2f}",
            }
            for what, other in found.without
        ]
    )


def mapping_lines(mapping: MappingFile) -> Iterator[str]:
    """The widths, one line for each different name of stage or layer."""
    if not mapping.homes and not mapping.layers:
        yield "widths: those of the chip file"
        return
    yield "home cores: " + ", ".join(f"{name} {width}" for name, width in _spans(mapping.homes).items())
    cuts = {name: f"{cut.row_parts}x{cut.col_parts}" for name, cut in mapping.layers.items()}
    yield "blocks (inputs x outputs): " + ", ".join(f"{name} {cut}" for name, cut in _spans(cuts).items())


def _spans(table: dict[str, int] | dict[str, str]) -> dict[str, str]:
    """Name with ``*`` for numbers -> its widths: one, or the different ones in order."""
    found: dict[str, list[str]] = {}
    for name, width in table.items():
        widths = found.setdefault(pattern_of(name), [])
        if str(width) not in widths:
            widths.append(str(width))
    return {name: "/".join(widths) for name, widths in found.items()}


def json_of(found: Optimized) -> dict[str, Any]:
    """What was found as plain values: pJ, ps. None and empty where the closed form is refused."""
    shown = not found.refused
    return {
        "objective": found.objective,
        "schedule": found.schedule,
        "candidates": found.candidates,
        "refused": found.refused,
        "chosen": _json_estimate(found.best.closed) if shown else None,
        "chip_file": _json_estimate(found.own.closed) if shown else None,
        "kept_chip_file": found.best is found.own,
        "checked": [
            {
                "model": checked.model,
                "tokens": checked.n_tokens,
                "engine_energy_pj": checked.engine_pj,
                "engine_time_ps": checked.engine_ps,
                "energy_difference": checked.closed_pj / checked.engine_pj - 1,
                "time_difference": checked.closed_ps / checked.engine_ps - 1,
                "holds": checked.holds,
            }
            for checked in found.checked
        ],
        "front": [
            {
                "energy_pj": point.energy_pj,
                "interval_ps": point.interval_ps,
                "latency_ps": point.latency_ps,
                "chips": point.n_chips,
                "cores": point.cores,
            }
            for point in (found.front if shown else ())
        ],
        "without": {what: _json_estimate(other) for what, other in found.without},
        "mapping": found.mapping.fields(),
    }


def _json_estimate(found: Estimate) -> dict[str, float | int]:
    return {
        "energy_pj": found.energy_pj,
        "interval_ps": found.interval_ps,
        "latency_ps": found.latency_ps,
        "chips": found.n_chips,
        "cores": found.cores,
    }
