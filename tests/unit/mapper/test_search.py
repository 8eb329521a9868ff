"""The separable search against every choice of a tiny program."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from factories import make_chip

from simulator.config.chip import ChipConfig
from simulator.mapper.cost_table import CostTable, cost_table
from simulator.mapper.objective import OBJECTIVES
from simulator.mapper.search import Point, Search, front
from simulator.mapper.stage_cost import CostModel
from simulator.mapper.stage_work import stage_works
from simulator.mapping.place import map_trace
from simulator.mapping.storage import stores
from simulator.trace.synthetic import synthetic_trace


def searched(chip: ChipConfig, sizes: list[int]) -> tuple[Search, CostTable]:
    trace = synthetic_trace("poisson", sizes, tokens=3)
    mapped = map_trace(trace, chip)
    model = CostModel(chip)
    table = cost_table(stage_works(trace, chip, stores(mapped.stored, trace)), model, mapped)
    return Search(table, model, chip.schedule.kind == "pipelined"), table


def every_point(search: Search, table: CostTable) -> list[Point]:
    choices = product(*(range(len(some)) for some in table.some))
    return [search.point(np.array(chosen, np.int64)) for chosen in choices]


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("kind", ["sequential", "pipelined"])
def test_the_search_finds_nearly_the_best_of_all_choices(kind: str, objective: str):
    """The multipliers reach the convex part of the front: within 2 % of the best of some thousand choices."""
    chip = make_chip(chip__max_chips=9, schedule={"kind": kind})
    search, table = searched(chip, [6, 4, 5])
    best = min(point.value(objective) for point in every_point(search, table))
    found = min(point.value(objective) for point in search.points(9))
    assert best <= found <= 1.02 * best


def test_no_point_of_the_front_beats_another():
    search, _ = searched(make_chip(chip__max_chips=9), [48, 96, 48, 24])
    points = front(search.points(9))
    assert len(points) > 1
    for a, b in product(points, points):
        if a is not b:
            assert a.energy_pj > b.energy_pj or a.interval_ps > b.interval_ps or a.n_chips > b.n_chips


def test_no_more_chips_are_used_than_allowed():
    search, _ = searched(make_chip(chip__max_chips=9), [48, 96, 48, 24])
    fewest = min(point.n_chips for point in search.points(9))
    assert all(point.n_chips == fewest for point in search.points(fewest))


def test_a_head_that_serves_few_tokens_does_not_set_the_round():
    """The head serves the last of 16 tokens: a round lasts as long without it, and each token pays a sixteenth."""
    chip = make_chip(chip__max_chips=9, schedule={"kind": "pipelined"})
    trace = synthetic_trace("poisson", [6, 4, 5], tokens=3)
    mapped = map_trace(trace, chip)
    model = CostModel(chip)
    works = stage_works(trace, chip, stores(mapped.stored, trace))
    often = cost_table(works, model, mapped)
    never, seldom = (
        cost_table([*works[:-1], replace(works[-1], share=share)], model, mapped) for share in (0.0, 1 / 16)
    )
    chosen = np.zeros(len(works), np.int64)
    seldom.vector_ps[-1, 0] = often.vector_ps.max(initial=0.0, where=often.vector_ps < 1e50) * 1000
    always, without, sixteenth = (Search(table, model, True).point(chosen) for table in (often, never, seldom))
    assert without.interval_ps <= always.interval_ps
    paid = sixteenth.latency_ps - without.latency_ps
    assert paid > 0
    assert sixteenth.interval_ps - without.interval_ps == pytest.approx(paid)
