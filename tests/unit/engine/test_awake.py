"""For how long cores and chips are at work, compared with a count moment by moment."""

from itertools import pairwise

import pytest
from factories import make_chip

from simulator.engine.engine import replay
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace

# Two cores on a chip, so that a stage has several chips and a chip several stages.
SMALL = {
    "chip__tiles_x": 1,
    "chip__tiles_y": 1,
    "chip__max_chips": 64,
    "core__limits": {"axons_in": 64, "neurons": 4},
}
SCHEDULES = [{"kind": "sequential"}, {"kind": "sequential", "chunk": 2}, {"kind": "pipelined"}]


def moment_by_moment(result, mapped):
    """Core-ps and chip-ps between every two ends of spans, from the cores that work there."""
    cores_of = {
        stage.stage_id: {b.core for owner in (stage.stage_id, *stage.layers) for b in mapped.placement.of(owner)}
        for stage in mapped.trace.stages
    }
    spans = list(result.spans.itertuples(index=False))
    times = sorted({ps for span in spans for ps in (span.start_ps, span.end_ps)})
    cores = chips = 0
    for start, end in pairwise(times):
        under_way = [span.stage for span in spans if span.start_ps <= start and span.end_ps >= end]
        awake = set().union(*(cores_of[stage] for stage in under_way)) if under_way else set()
        cores += (end - start) * len(awake)
        chips += (end - start) * len({core // 2 for core in awake})
    return cores, chips


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_they_are_counted_moment_by_moment(schedule, seed):
    trace = synthetic_trace("poisson", [9, 7, 5, 3], tokens=4, levels=3, seed=seed)
    mapped = map_trace(trace, make_chip(schedule=schedule, **SMALL))
    result = replay(mapped)
    assert (result.awake_core_ps, result.awake_chip_ps) == moment_by_moment(result, mapped)
    assert 0 < result.awake_core_ps <= result.cores_total * result.total_ps
    assert 0 < result.awake_chip_ps <= result.static_ps


def test_the_one_chip_of_a_sequential_run_is_always_at_work():
    result = replay(map_trace(synthetic_trace("full", [3, 2], tokens=2, levels=2), make_chip()))
    assert result.awake_chip_ps == result.total_ps
    assert result.awake_core_ps < result.cores_total * result.total_ps


def test_nothing_lies_in_dram_unless_it_is_put_there():
    assert not replay(map_trace(synthetic_trace("full", [3, 2], tokens=1), make_chip())).uses_dram
