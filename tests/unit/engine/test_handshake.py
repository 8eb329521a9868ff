"""Timesteps that no barrier closes: a core goes on when its own homes are done."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import action, make_chip
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from pydantic import ValidationError

from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace


def one_tile(kind, **changes):
    """A home and two targets of two neurons on one tile; a flit takes five cycles of 1 ns from core to core."""
    limits = {"axons_in": 64, "neurons": 2}
    return make_chip(sync__kind=kind, chip__cores_per_tile=4, core__limits=limits, noc__cycle__value="1 ns", **changes)


def run(kind, **changes):
    trace, chip = synthetic_trace("full", [2, 4], levels=2, tokens=1), one_tile(kind, **changes)
    return trace, chip, replay(map_trace(trace, chip))


def test_two_timesteps_by_hand():
    """Both inputs fire in both timesteps; each spike goes to the targets A and B, 4 ns of service each (3 ns of
    accumulate, 1 ns overhead), a marker 3 ns (lookup and overhead); an update of two neurons is 16 ns.

    Home: a neuron is updated and fires in 11 ns, a packet leaves every 5 ns. Timestep 0: spikes leave at 16 (A), 21
    (B), 27 (A), 32 (B), markers at 37 (A), 42 (B). Timestep 1, its neurons done at 33 and 44: spikes at 47, 52, 57, 62,
    markers at 67, 72.
    A gets them 5 ns later: serves 21-25, 32-36, 42-45 (marker), updates until 61; then those of timestep 1, of which
    the first has waited since 52: 61-65, 65-69, 72-75, and updates until 91.
    B: 26-30, 37-41, 47-50, update until 66; 66-70, 70-74, 77-80, update until 96.
    Alone, packets come 5 ns earlier: B 21-25, 32-36, 42-45, 61; 61-65, 65-69, 72-75, 91.
    """
    trace, _, result = run("handshake")
    stage = result.stages.iloc[0]
    assert (stage["compute_ps"], stage["network_ps"], stage["barrier_ps"]) == (91_000, 5_000, 0)
    counts = {(r.owner, r.component, r.action): r.count for r in result.action_counts}
    home, layer = trace.stages[0].stage_id, trace.layers[0].layer_id
    assert result.markers == 4
    assert counts[home, "axon_out", "packet"] == counts[home, "noc", "local"] == 8 + 4
    assert counts[layer, "axon_in", "lookup"] == 8 + 4
    assert counts[layer, "synapse", "synop"] == counts[layer, "dendrite", "accumulate"] == 8 * 2
    assert counts[layer, "soma", "update"] == 2 * 4
    assert not [r for r in result.action_counts if r.component == "sync"]


def test_the_same_under_barriers_by_hand():
    """Each timestep alone: the last spike leaves at 32, reaches B at 37, is served at 41, the update ends at 57."""
    _, _, result = run("barrier")
    stage = result.stages.iloc[0]
    assert stage["compute_ps"] + stage["network_ps"] == 2 * 57_000
    assert result.markers == 0
    assert stage["barrier_ps"] >= 2 * 113_000


def test_multicast_sends_one_marker_to_all_targets():
    trace, _, result = run("handshake", noc__multicast=True)
    assert result.markers == 2
    lookups = [r.count for r in result.action_counts if (r.owner, r.action) == (trace.layers[0].layer_id, "lookup")]
    assert lookups == [8 + 4]


def test_a_marker_costs_what_a_packet_costs_and_nothing_else():
    """4 markers: axon 11 pJ, one tile 1.7 pJ, lookup 5 pJ each; instead of three barriers of 30 pJ."""
    _, chip, handshake = run("handshake")
    _, _, barrier = run("barrier")
    dynamic = {
        name: build_ledger(replace(result, static_ps=0), chip).total_pj
        for name, result in (("handshake", handshake), ("barrier", barrier))
    }
    barriers = next(r.count for r in barrier.action_counts if r.component == "sync")
    assert dynamic["handshake"] - dynamic["barrier"] == pytest.approx(4 * (11 + 1.7 + 5) - barriers * 30)


@examples(20)
@given(
    widths=st.lists(st.integers(2, 14), min_size=2, max_size=3),
    every=st.sampled_from(["timestep", "stage"]),
    multicast=st.booleans(),
    neurons=st.integers(2, 9),
    seed=st.integers(0, 99),
)
def test_what_spikes_do_does_not_depend_on_how_timesteps_are_closed(widths, every, multicast, neurons, seed):
    trace = synthetic_trace("poisson", widths, levels=3, tokens=2, seed=seed)
    found = {}
    for kind in ("barrier", "handshake"):
        limits = {"axons_in": 6, "neurons": neurons}
        chip = make_chip(
            sync__kind=kind,
            noc__multicast=multicast,
            core__soma__every=every,
            core__limits=limits,
            chip__max_chips=64,
        )
        found[kind] = replay(map_trace(trace, chip))
    closed, free = found["barrier"], found["handshake"]
    assert (closed.spikes, closed.synops) == (free.spikes, free.synops)
    kept = {"word_read", "synop", "accumulate", "update", "update_idle", "fire", "reduce"}
    counts = [{r[:3]: r.count for r in result.action_counts if r.action in kept} for result in (closed, free)]
    assert counts[0] == counts[1]
    assert free.packets == closed.packets + free.markers
    assert (free.stages["barrier_ps"] == 0).all()
    assert (free.stages["network_ps"] >= 0).all()


def test_a_bounded_input_is_refused():
    """A core full of packets of its next timestep would wait for a marker behind them for ever."""
    with pytest.raises(ValidationError, match=r"core.axon_in.fifo_packets: found a bound with sync.kind handshake"):
        one_tile("handshake", core__axon_in={"lookup": action("5 pJ", "2 ns"), "fifo_packets": 2})
