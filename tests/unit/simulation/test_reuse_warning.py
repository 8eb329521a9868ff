"""Accumulators beyond one per neuron are said to leak only as far as the chip file's own sum holds them."""

from simulator.config import load_chip
from simulator.mapping.place import map_trace
from simulator.simulation.assumptions import assumptions
from simulator.trace.synthetic import synthetic_trace

SAID = "accumulators per core beyond one per neuron"


def test_more_accumulators_than_neurons_are_said():
    trace = synthetic_trace("poisson", [9, 7], tokens=1)
    chips = (
        load_chip("loihi-like", [f"core.dendrite.accumulators_per_core={n}", "chip.static_fixed=true"] if n else [])
        for n in (0, 1024, 2048)
    )
    none, one_each, twice = ([line for line in assumptions(map_trace(trace, chip)) if SAID in line] for chip in chips)
    assert none == one_each == []
    assert twice[0].startswith(f"1024 {SAID}")


def test_nothing_is_said_where_they_leak_and_take_area():
    chip = load_chip("sdllm-asic-45nm", ["core.dendrite.accumulators_per_core=2048"])
    trace = synthetic_trace("poisson", [9, 7], tokens=1)
    assert not [line for line in assumptions(map_trace(trace, chip)) if SAID in line]
