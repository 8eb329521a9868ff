"""Which mapping a run takes."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from simulator.config import list_chips, load_chip
from simulator.config.dense_twin import twin_from
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.mapping.place import map_trace
from simulator.report import side_by_side
from simulator.report.steady_figures import steady_pj
from simulator.simulation.choice import Choice, checked, choose, choose_both
from simulator.simulation.simulation import simulate
from simulator.trace.trace_files import load_trace
from tests.support.factories import make_chip, make_trace


@pytest.mark.parametrize("name", [name for name, _ in list_chips()])
def test_a_default_run_is_no_worse_than_the_chip_files_own_mapping_one_token_at_a_time(name):
    """By the engine: the default, then every choice undone: tokens in sequence, widths of the chip file."""
    trace = load_trace("shakespeare-ternary-T15").take(slice(0, 16))
    run = simulate(load_chip(name), trace, allow_uncosted=True)
    before = load_chip(name, ["schedule.kind=sequential"])
    mapped = map_trace(trace, before)
    sequential = build_ledger(replay(mapped), before, allow_uncosted=True)
    assert run.ledger.total_pj <= sequential.total_pj
    chip_mapping = simulate(load_chip(name), trace, allow_uncosted=True, mapping="chip")
    assert run.ledger.total_pj <= chip_mapping.ledger.total_pj


def priced(mapped):
    result = replay(mapped)
    return result, build_ledger(result, mapped.chip)


def test_of_two_mappings_that_the_closed_form_cannot_tell_apart_the_engine_takes_the_better():
    asked = choose(make_chip(), make_trace(), "auto")
    better, worse = sorted((asked.mapped, asked.own), key=lambda mapped: priced(mapped)[1].total_pj)
    for first, second in ((better, worse), (worse, better)):
        chosen, _, ledger = checked(Choice(first, own=second, own_pj=0.0), priced)
        assert chosen.mapped is better
        assert ledger.total_pj == priced(better)[1].total_pj
    assert priced(better)[1].total_pj < priced(worse)[1].total_pj


@pytest.mark.parametrize(("wrong", "said"), [(1.05, False), (1.2, True)])
def test_a_closed_form_that_the_engine_contradicts_is_refused(wrong, said):
    asked = choose(make_chip(), make_trace(n_tokens=2), "auto")
    result, _ = priced(asked.mapped)
    closed = replace(
        asked.closed,
        interval_ps=wrong * result.steady.time_per_token_ps,
        static_pj=0.0,
        dynamic_pj=steady_pj(*priced(asked.mapped), asked.mapped.chip),
    )
    chosen, _, _ = checked(Choice(asked.mapped, closed=closed), priced)
    assert ("time +20.0%, more than 10%" in " ".join(chosen.note)) is said


@pytest.mark.parametrize("key", ["share_cores", "strategy"])
def test_a_chip_file_that_decides_its_widths_is_followed(key):
    value = {"share_cores": True, "strategy": "by_input"}[key]
    chosen = choose(make_chip(mapping={key: value}), make_trace(), "auto")
    assert chosen.file is None
    assert chosen.note == (f"mapping auto: mapping.{key} is set, so that the chip file decides",)


def test_stages_that_share_cores_make_a_schedule_auto_sequential():
    chip = make_chip(mapping={"share_cores": True}, schedule={"kind": "auto"})
    assert map_trace(make_trace(), chip).chip.schedule.kind == "sequential"
    assert map_trace(make_trace(), make_chip(schedule={"kind": "auto"})).chip.schedule.kind == "auto"


@pytest.mark.parametrize("set_", [{}, {"mapping": {"strategy": "by_output"}}])
def test_a_copy_of_the_process_finds_what_this_one_finds(set_, monkeypatch):
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    monkeypatch.setattr(side_by_side, "_may_copy", lambda: True)
    chip, trace = make_chip(**set_), make_trace()
    both, alone = choose_both(chip, twin_from(chip), trace), choose(chip, trace, "auto")
    twin = choose(twin_from(chip), alone.mapped.trace, "auto")
    for found, expected in zip(both, (alone, twin), strict=True):
        assert found.mapped.placement.blocks == expected.mapped.placement.blocks
        assert replace(found, mapped=None, own=None) == replace(expected, mapped=None, own=None)
        assert (found.own is None) == (expected.own is None) == bool(set_)
