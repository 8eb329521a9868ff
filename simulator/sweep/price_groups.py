"""Points of one trace that differ in nothing but energies: the counts and times of one are those of all (rule 1).

Where the mapper chooses widths it looks at prices, so each point is a group of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from pydantic import BaseModel

from simulator.config.chip import ChipConfig
from simulator.config.provenance import Price, StaticPower
from simulator.sweep.space import Point

PRICED = "priced"


def price_groups(points: Iterable[Point]) -> list[tuple[Point, ...]]:
    """Points in groups that one simulation serves, in order of first appearance."""
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        alike = timing_key(point.chip) if point.mapping == "chip" else point.point_id
        groups.setdefault((point.trace_hash, alike), []).append(point)
    return [tuple(group) for group in groups.values()]


def timing_key(chip: ChipConfig) -> str:
    """Everything of a chip that its counts and times can depend on: all but prices, area and citations."""
    return json.dumps(_without_prices(chip.model_copy(update={"sources": {}, "area": None})), sort_keys=True)


def _without_prices(value: object) -> object:
    """``value`` with one word in the place of every price; that a price is there at all is kept."""
    if isinstance(value, (Price, StaticPower)):
        return PRICED
    if isinstance(value, BaseModel):
        return {name: _without_prices(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple):
        return [_without_prices(part) for part in value]
    return value
