"""A request for a simulation: the dense twin it names, and that a trace is mapped once per chip."""

from __future__ import annotations

import pytest
from factories import make_chip, make_trace

from simulator.config import load_chip
from simulator.errors import SpikewattError
from simulator.mapping import mapped
from simulator.simulation import choice, simulation
from simulator.simulation.request import twin_of


def test_the_twin_of_the_same_node_or_none_or_one_by_name():
    spiking, dense = load_chip("loihi-like"), load_chip("dense-int8-45nm")
    automatic = twin_of(spiking, "auto")
    assert automatic is not None
    assert automatic.replay == "dense"
    assert twin_of(spiking, "dense-int8-45nm") == dense
    assert twin_of(spiking, "none") is None
    assert twin_of(dense, "auto") is None


def test_a_twin_that_sends_spikes_is_refused():
    with pytest.raises(SpikewattError, match="found replay: captured, expected a chip with replay: dense"):
        twin_of(load_chip("loihi-like"), "truenorth-like")


def test_a_run_with_its_twin_maps_twice_and_places_memories_twice(monkeypatch: pytest.MonkeyPatch):
    calls = {"map": 0, "place": 0}
    map_trace, place_storage = choice.map_trace, mapped.place_storage

    def mapping(*args):
        calls["map"] += 1
        return map_trace(*args)

    def placing(*args):
        calls["place"] += 1
        return place_storage(*args)

    monkeypatch.setattr(choice, "map_trace", mapping)
    monkeypatch.setattr(mapped, "place_storage", placing)
    simulation.simulate(make_chip(), make_trace(n_blocks=1), dense_chip=make_chip(replay="dense"), mapping="chip")
    assert calls == {"map": 2, "place": 2}
