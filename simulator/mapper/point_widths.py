"""From a choice of candidates to widths, and widths that are the same for all stages and layers of a kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from simulator.arrays import Ints
from simulator.mapper.cost_table import CostTable
from simulator.mapper.mapping_file import pattern_of
from simulator.mapper.stage_work import StageWork
from simulator.mapping.capacity import Cut
from simulator.mapping.widths import Widths

Width = TypeVar("Width")


def widths_of(candidates: Ints, table: CostTable, works: Sequence[StageWork]) -> Widths:
    """The widths of one candidate for each stage, int64 [S]."""
    homes: dict[str, int] = {}
    cuts: dict[str, Cut] = {}
    for work, some, chosen in zip(works, table.some, candidates.tolist(), strict=True):
        homes[work.stage.stage_id] = int(some.homes[chosen])
        cuts.update(zip((layer.layer_id for layer in work.layers), some.cuts(chosen), strict=True))
    return Widths(homes, cuts)


def uniform(widths: Widths) -> Widths:
    """The most common width of each kind of stage and layer for all of that kind."""
    return replace(widths, homes=_most_common(widths.homes), cuts=_most_common(widths.cuts))


def _most_common(table: Mapping[str, Width]) -> dict[str, Width]:
    """Every name with the width that most names of its pattern have."""
    of_pattern: dict[str, Counter[Width]] = {}
    for name, width in table.items():
        of_pattern.setdefault(pattern_of(name), Counter())[width] += 1
    return {name: of_pattern[pattern_of(name)].most_common(1)[0][0] for name in table}
