"""What `optimize` says of its closed form, and what it leaves out where the engine refuses it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.mapper.optimize import Optimized, optimize
from simulator.report.mapping_search import json_of, summary_lines
from tests.support.factories import make_chip, make_trace


@pytest.fixture(scope="module")
def found() -> Optimized:
    return optimize(make_chip(), make_trace(n_blocks=1, n_tokens=2), "energy")


def closed_at(found: Optimized, energy: float, time: float) -> Optimized:
    """``found`` with a closed form that is so many times what the engine says."""
    checked = found.checked[-1]
    checked = replace(checked, closed_pj=energy * checked.engine_pj, closed_ps=time * checked.engine_ps)
    return replace(found, checked=(checked,))


@pytest.mark.parametrize(("energy", "time"), [(1.2, 1.0), (1.0, 0.85)])
def test_figures_of_a_refused_closed_form_are_not_shown(found: Optimized, energy: float, time: float):
    refused = closed_at(found, energy, time)
    lines, fields = summary_lines(refused), json_of(refused)
    assert any("more than 10%: the closed form is refused here" in line for line in lines)
    assert not any("latency" in line for line in lines)
    assert any("per token for 2 tokens in the engine" in line for line in lines)
    assert (fields["refused"], fields["chosen"], fields["chip_file"], fields["front"]) == (True, None, None, [])
    assert fields["checked"][0]["engine_energy_pj"] == refused.checked[0].engine_pj


def test_figures_of_a_closed_form_that_holds_are_shown(found: Optimized):
    holds = closed_at(found, 1.05, 0.95)
    assert any("energy +5.0%, time -5.0%; the closed form holds" in line for line in summary_lines(holds))
    assert json_of(holds)["chosen"]["energy_pj"] == holds.best.closed.energy_pj
