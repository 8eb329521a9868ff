"""The points of a sweep for a terminal: those of the front first, and what to ask next."""

from __future__ import annotations

import shlex

import pandas as pd

from simulator.sweep.runner import SweepResult
from simulator.sweep.store import OK, POINTS

CHIPS, STATIC, TOTAL = "utilization.chips", "energy.by_component.static", "energy.total_pj"


def point_table(result: SweepResult) -> pd.DataFrame:
    """Point, axes, objectives, ``chips``, ``static_share`` (of the energy), front, status, reason; the front first."""
    frame = result.frame
    table = result.summary.copy()
    table.insert(0, "point", frame["point"].str[:8])
    place = 1 + len(result.axes) + len(result.objectives)
    if STATIC in frame and TOTAL in frame:
        table.insert(place, "static_share", frame[STATIC] / frame[TOTAL].where(frame[TOTAL] > 0))
    if CHIPS in frame:
        table.insert(place, "chips", frame[CHIPS])
    return table.sort_values("front", ascending=False, kind="stable", ignore_index=True)


def next_lines(result: SweepResult) -> list[str]:
    """Commands that say why the best point is the best, from what is stored."""
    done = result.frame[result.frame["status"] == OK].dropna(subset=list(result.objectives))
    front = done[done["front"].astype(bool)]
    if front.empty:
        return []
    ranked = front.sort_values(list(result.objectives), kind="stable")["point"].tolist()
    best = ranked[0]
    others = [point for point in (ranked[-1], *done["point"]) if point != best]
    lines = [f"next: spikewatt explain {_place(result, best)}"]
    if others:
        lines.append(f"next: spikewatt compare {_place(result, others[0])} {_place(result, best)}")
    return lines


def _place(result: SweepResult, point: str) -> str:
    return shlex.quote(str(result.folder / POINTS / point))
