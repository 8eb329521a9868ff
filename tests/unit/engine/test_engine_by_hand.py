"""Cases small enough to work out by hand; the arithmetic stands next to each.

Toy chip: router cycle 2 ns; soma update 8 ns, idle 5 ns, fire 3 ns; packet out 5 ns; lookup 2 ns, word 1 ns, synop 1 ns
and accumulate 3 ns (4 lanes), overhead 1 ns; barrier 113 ns with 1 tile, 465 ns with 32. A packet takes 2 + 3 x routers
cycles.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_chip

from simulator.energy.ledger import build_ledger
from simulator.engine.barrier import barrier_ps
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace

NS = 1000
ROW_OF_TILES = {"chip__tiles_x": 8, "chip__tiles_y": 1, "chip__cores_per_tile": 1}


def one_layer(counts: list[int], n_out: int, **more: object) -> Trace:
    """One token whose only stream has these counts and drives one layer; no ops, no head."""
    trace = synthetic_trace("silent", [len(counts), n_out], tokens=1, ops=False, head=False, **more)
    return replace(trace, load_counts=lambda _: np.array([counts], np.int8))


def run(trace: Trace, **chip_changes: object) -> SimResult:
    chip = make_chip(**ROW_OF_TILES, **chip_changes)
    return replay(map_trace(trace, chip))


def counts_of(result: SimResult) -> dict[str, int]:
    return {f"{row.owner} {row.component}.{row.action}": row.count for row in result.action_counts}


def test_one_spike_one_hop_one_synapse():
    """Fire at 8 + 3, out at 16 ns = cycle 8; two routers: cycle 8 + 8 = 16 = 32 ns; served 3 + 1, updated 8: 44 ns.

    Without a network the packet would be served at 16 ns: 28 ns. Two tiles: barrier 113 + 352/31 = 124.355 ns.
    """
    result = run(one_layer([1], 1, levels=1))
    stage = result.stages.iloc[0]
    assert (stage["compute_ps"], stage["network_ps"]) == (28 * NS, 16 * NS)
    assert stage["barrier_ps"] == 124_355
    assert result.total_ps == 44 * NS + 124_355
    assert counts_of(result) == {
        "layers.0.in soma.update": 1,
        "layers.0.in soma.fire": 1,
        "layers.0.in axon_out.packet": 1,
        "layers.0.in noc.hop_x": 1,
        "layers.0.in noc.local": 1,
        "layers.0 axon_in.lookup": 1,
        "layers.0 synapse.word_read": 1,
        "layers.0 synapse.synop": 1,
        "layers.0 dendrite.accumulate": 1,
        "layers.0 soma.update": 1,
        "chip sync.barrier": 1,
    }
    assert (result.spikes, result.synops, result.packets, result.packet_hops) == (1, 1, 1, 1)
    assert result.cores["busy_ps"].tolist() == [16 * NS, 4 * NS + 8 * NS]


def test_one_spike_one_hop_one_synapse_in_picojoules():
    """81 + 20 encoder, 11 out, 3 + 1.7 network, 5 + 10 + 23.6 core (synop inside), 81 soma, 30 barrier, 2 mW static."""
    result = run(one_layer([1], 1, levels=1))
    static_pj = 2e-3 * (44_000 + 124_355)
    expected = 81 + 20 + 11 + 3 + 1.7 + 5 + 10 + 23.6 + 81 + 30 + static_pj
    assert build_ledger(result, make_chip(**ROW_OF_TILES)).total_pj == pytest.approx(expected, rel=1e-12)


def test_two_spikes_that_meet_on_a_link():
    """Home cores at x = 0 and 1, target at x = 2; both packets ask for the link 1 -> 2 in cycle 13.

    Core 0 sends at 16 ns, cycle 8: first allocation 10, at router 1 in 13, at 2 in 16, delivered 19.
    Core 1 idles one neuron first (5 ns): out at 21 ns, cycle 11: allocation 13. The pointer favours input 1 (from -x)
    over the injection, so this one goes in 14: at router 2 in 17, delivered 20 instead of 19.
    Served 38..42 ns and 42..46 ns, updated by 54 ns. Alone, the second would come at 22 ns: 26, updated by 34 ns.
    """
    result = run(one_layer([1, 0, 1], 1, levels=1), core__limits={"axons_in": 64, "neurons": 2})
    stage = result.stages.iloc[0]
    assert stage["compute_ps"] + stage["network_ps"] == 54 * NS
    assert stage["compute_ps"] == 34 * NS
    link = result.links.set_index(["router", "direction"])
    assert link.loc[(0, "+x"), ["flits", "wait_cycles"]].tolist() == [1, 0]
    assert link.loc[(1, "+x"), ["flits", "wait_cycles"]].tolist() == [2, 1]


def test_a_core_that_is_the_bottleneck():
    """Three spikes into 64 outputs: 16 turns x 3 ns + 1 = 49 ns each, far slower than they come.

    Out at 16, 27, 38 ns: cycles 8, 14, 19; delivered 8 later: 32, 44, 54 ns. Served to 81, 130, 179 ns; 64 updates to
    691 ns.
    """
    result = run(one_layer([1, 1, 1], 64, levels=1))
    stage = result.stages.iloc[0]
    assert stage["compute_ps"] + stage["network_ps"] == 691 * NS
    assert result.cores["busy_ps"].iloc[1] == 3 * 49 * NS + 512 * NS
    assert result.synops == 192


def test_a_spike_in_the_last_timestep_only_costs():
    """Bitwise count 4 fires in the last of 3 timesteps; the silent two take 5 ns (all idle), it 44 ns."""
    result = run(one_layer([4], 1, code="bitwise", levels=7))
    assert result.spikes == 1
    assert result.stages.iloc[0][["compute_ps", "network_ps"]].sum() == (5 + 5 + 44) * NS
    assert counts_of(result)["layers.0 soma.update_idle"] == 2


def test_silence_costs_idle_neurons_and_barriers_only():
    result = run(one_layer([0, 0], 3, levels=2))
    assert counts_of(result) == {
        "layers.0.in soma.update_idle": 2 * 2,
        "layers.0 soma.update_idle": 3 * 2,
        "chip sync.barrier": 2,
    }
    # encoder 2 x 5 ns and target 3 x 5 ns side by side
    assert result.stages.iloc[0]["compute_ps"] == 2 * 15 * NS


def test_partial_sums_travel_to_the_first_rows():
    """Four inputs on two cores: the second sends its 2 sums, 24 bits in one 32-bit flit each, one hop.

    Sent at 5 and 10 ns: cycles 3 and 5; delivered 11 and 13: 22 and 26 ns; received in max(2, 1) + 1 = 3 ns: 29 ns.
    """
    result = run(one_layer([0, 0, 0, 0], 2, levels=1), core__limits={"axons_in": 2, "neurons": 64})
    assert result.stages.iloc[0]["transfer_ps"] == 29 * NS
    counts = counts_of(result)
    assert counts["layers.0 dendrite.reduce"] == 2
    assert counts["layers.0 axon_out.packet"] == 2
    assert counts["layers.0 noc.hop_x"] == 2
    assert counts["chip sync.barrier"] == 2  # the timestep and the reduction
    assert "layers.0 dendrite.accumulate" not in counts


def test_every_token_counts():
    trace = synthetic_trace("full", [3, 2], tokens=5, levels=2)
    one = synthetic_trace("full", [3, 2], tokens=1, levels=2)
    five_times = {name: 5 * n for name, n in counts_of(run(one)).items()}
    assert counts_of(run(trace)) == five_times


def test_crossing_a_chip_takes_its_extra_cycles_and_is_counted_apart():
    """One tile a chip: the hop leaves the chip, 10 cycles more; delivered 26 = 52 ns, served and updated: 64 ns."""
    chip = make_chip(chip__tiles_x=1, chip__tiles_y=1, chip__cores_per_tile=1)
    trace = one_layer([1], 1, levels=1)
    result = replay(map_trace(trace, chip))
    assert result.stages.iloc[0][["compute_ps", "network_ps"]].sum() == 64 * NS
    assert counts_of(result)["layers.0.in noc.chip_hop"] == 1
    assert "layers.0.in noc.hop_x" not in counts_of(result)
    assert result.static_ps == 2 * result.total_ps


def test_cores_of_one_tile_talk_without_a_link():
    """Own router: 5 cycles: delivered 13 = 26 ns, 38 ns in all."""
    chip = make_chip(chip__tiles_x=1, chip__tiles_y=1, chip__cores_per_tile=2)
    trace = one_layer([1], 1, levels=1)
    result = replay(map_trace(trace, chip))
    assert result.stages.iloc[0][["compute_ps", "network_ps"]].sum() == 38 * NS
    assert result.packet_hops == 0


@pytest.mark.parametrize(("tiles", "expected"), [(1, 113_000), (32, 465_000), (64, 465_000), (2, 124_355)])
def test_barrier_between_and_outside_its_points(tiles, expected):
    assert barrier_ps(make_chip().sync.barrier, tiles) == expected
