"""Partition, placement and fit, worked out by hand."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from factories import make_chip, make_dram, make_trace
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from simulator.config.chip import Mapping
from simulator.engine.engine import replay
from simulator.errors import CapacityError
from simulator.mapping.capacity import Cut
from simulator.mapping.fit import fit
from simulator.mapping.grid import Grid
from simulator.mapping.partition import even_ranges
from simulator.mapping.place import map_trace
from simulator.mapping.placement import Placement
from simulator.mapping.placements import PLACEMENTS
from simulator.mapping.placements.link_cost import LinkCost, chip_link_cost
from simulator.mapping.strategies import STRATEGIES, cut_layer
from simulator.mapping.traffic import traffic
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace_program import Layer


def layer(n_in: int, n_out: int, bits: int = 8) -> Layer:
    return Layer("layers.0", "linear", n_in, n_out, bits, "layers.0.in")


def test_a_layer_that_fits_takes_one_core():
    """64 rows x 8 words of 64 bit = 4096 B: exactly the 4 KiB of a toy core."""
    assert cut_layer(layer(64, 64), make_chip()) == Cut(1, 1)


def test_outputs_are_cut_when_the_memory_is_full():
    """32 rows: 1024 B x 8 / (32 x 64) = 16 words a row = 128 outputs by memory, 64 by neurons; 65 take two cores."""
    assert cut_layer(layer(32, 65), make_chip()) == Cut(1, 2)


def test_inputs_are_cut_at_the_axon_limit():
    assert cut_layer(layer(65, 8), make_chip()) == Cut(2, 1)


def test_inputs_are_halved_until_a_row_fits():
    """4 KiB = 512 words: 600 rows do not fit even one word each, 300 do, with 8 outputs a word."""
    chip = make_chip(core__limits={"axons_in": 1000, "neurons": 64})
    assert cut_layer(layer(600, 8), chip) == Cut(2, 1)


def test_weights_wider_than_the_memory_of_a_core_are_refused_with_demand_bound_and_gap():
    chip = make_chip(core__sram={"capacity": "4 B", "word": "64 bit"})
    expected = (
        "toy: layer layers.0: one synapse needs 8 B of a core's SRAM, limit 4 B (4 B over);"
        " raise core.sram.capacity or make core.sram.word smaller"
    )
    with pytest.raises(CapacityError, match=re.escape(expected)):
        cut_layer(layer(2, 2), chip)


def test_too_few_chips_are_refused_with_demand_bound_and_gap():
    chip = make_chip(chip__tiles_x=1, chip__tiles_y=1, chip__cores_per_tile=2, chip__max_chips=1)
    expected = (
        "toy: the trace needs 5 cores, limit 2 on 1 chip(s) (3 cores over);"
        " raise chip.max_chips to 3, core.sram.capacity or core.limits"
    )
    with pytest.raises(CapacityError, match=re.escape(expected)):
        map_trace(synthetic_trace("silent", [4, 4, 4]), chip)


def test_cores_follow_a_snake_through_the_chip():
    """2 x 4 tiles, 2 cores each: tiles 0 1 / 3 2 / 4 5 ...; router = y * 2 + x."""
    placement = map_trace(synthetic_trace("silent", [4, 4, 4]), make_chip()).placement
    assert placement.core_router[:10].tolist() == [0, 0, 1, 1, 3, 3, 2, 2, 4, 4]


def test_chips_tile_into_a_near_square():
    """23 cores on chips of 2: 12 chips, 4 x 3; a snake takes chip 5 to (2, 1), rows take it to (1, 1)."""
    chip = make_chip(chip__tiles_x=2, chip__tiles_y=1, chip__cores_per_tile=1, chip__max_chips=12)
    placement = map_trace(make_trace(), chip).placement
    assert (placement.n_chips, placement.chips_x, placement.chips_y) == (12, 4, 3)
    assert (placement.mesh_x, placement.mesh_y) == (8, 3)
    assert placement.core_router[10:12].tolist() == [8 + 4, 8 + 5]
    by_rows = map_trace(make_trace(), chip.model_copy(update={"mapping": Mapping(placement="in_order")})).placement
    assert by_rows.core_router[10:12].tolist() == [8 + 2, 8 + 3]


def test_links_between_chips():
    placement = Placement((), 1, 1, 1, Grid(2, 4), np.arange(8))
    x, y = np.array([1, 0]), np.array([0, 3])
    leaves = np.stack([placement.crosses_chip(x, y, direction) for direction in range(4)], axis=1)
    assert leaves.tolist() == [[True, False, False, True], [False, True, True, False]]


def test_fit_names_the_largest_block():
    table = fit(make_trace(), make_chip()).rows.set_index("owner")
    down = table.loc["blocks.0.down"]  # 32 x 16 INT8: 32 rows x 2 words x 8 B = 512 B of 4096
    assert (down["rows"], down["neurons"], down["sram_bytes"], down["sram_util"]) == (32, 16, 512, 0.125)


def test_fit_of_a_layer_on_cores_of_different_size():
    """12 inputs and 5 outputs on cores of 8 axons and 3 neurons: 2 x 2 blocks, the largest 6 x 3."""
    chip = make_chip(core__limits={"axons_in": 8, "neurons": 3})
    row = fit(synthetic_trace("silent", [12, 5], ops=False, head=False), chip).rows.set_index("owner").loc["layers.0"]
    assert (row["role"], row["cores"], row["row_parts"]) == ("layer", 4, 2)
    assert (row["rows"], row["neurons"], row["axon_util"], row["neuron_util"]) == (6, 3, 6 / 8, 1.0)


def test_the_storage_of_a_fit_by_hand():
    """A cache grows by 128 bits, 16 bytes; of 4 tokens it takes 64."""
    row = fit(make_trace(n_blocks=1), make_chip()).storage.set_index("kind").loc["kv_cache"]
    assert (row["bytes_per_token"], row["bytes"], row["core_bytes"], row["cores"]) == (16, 64, 64, 1)


def test_the_chip_file_knows_every_strategy_and_placement():
    fields = Mapping.model_fields
    assert set(get_args(fields["strategy"].annotation)) == set(STRATEGIES)
    assert set(get_args(fields["placement"].annotation)) == set(PLACEMENTS)


def test_inputs_first_keeps_all_outputs_on_one_core():
    """100 outputs on 64 neurons: 2 x 50; rows of 7 words, 512 words hold 73, axons 64: 200 inputs take 4."""
    chip = make_chip(mapping={"strategy": "by_input"})
    assert cut_layer(layer(200, 100), chip) == Cut(4, 2)


def test_blocks_in_two_dimensions_are_nearly_square():
    """200 x 40 on 64 axons needs 4 row parts; 50 x 40 is as square as 4 cores get."""
    chip = make_chip(mapping={"strategy": "blocks_2d"})
    assert cut_layer(layer(200, 40), chip) == Cut(4, 1)
    # 4 KiB: 64 x 512 needs 8 parts of 64 outputs, which are square already
    assert cut_layer(layer(64, 512), chip) == Cut(1, 8)


def test_small_layers_share_a_core_and_a_home_is_never_on_a_core_that_it_drives():
    """A chain 4-4-4: home 0 takes core 0, layer 0 core 1; home 1 fits next to them on core 0, layer 1 on core 1."""
    placement = map_trace(synthetic_trace("silent", [4, 4, 4]), make_chip(mapping={"share_cores": True})).placement
    assert [(b.owner, b.core) for b in placement.blocks] == [
        ("layers.0.in", 0),
        ("layers.0", 1),
        ("layers.1.in", 0),
        ("layers.1", 1),
        ("head", 0),
    ]


@pytest.mark.parametrize("topology", ["mesh", "torus"])
def test_annealing_lowers_the_flit_hops_and_the_engine_moves_what_the_objective_counts(topology):
    """One core per tile: a home, 6 blocks of its layer, 6 cores of the head."""
    chip = make_chip(chip__cores_per_tile=1, core__limits={"axons_in": 64, "neurons": 4}, noc__topology=topology)
    trace = synthetic_trace("poisson", [4, 24], tokens=2, seed=1)
    hops = {}
    for name in PLACEMENTS:
        placed = chip.model_copy(update={"mapping": Mapping(placement=name)})
        hops[name] = flit_hops(trace, placed)
        assert replay(map_trace(trace, placed)).packet_hops == hops[name]
    assert hops["min_hops"] < hops["snake"]


def flit_hops(trace, chip):
    placement = map_trace(trace, chip).placement
    found = traffic(trace, placement.blocks, chip)
    a, b = placement.core_router[found.from_core], placement.core_router[found.to_core]
    x, y = abs(a % placement.mesh_x - b % placement.mesh_x), abs(a // placement.mesh_x - b // placement.mesh_x)
    if chip.noc.topology == "torus":
        x, y = np.minimum(x, placement.mesh_x - x), np.minimum(y, placement.mesh_y - y)
    return int((found.flits * (x + y)).sum())


def link_costs(trace, chip):
    """What `min_hops` lowers: flits x links, one between chips counting as many times as it costs."""
    placement = map_trace(trace, chip).placement
    found = traffic(trace, placement.blocks, chip)
    links = LinkCost(placement.grid, (placement.tiles_x, placement.tiles_y), chip_link_cost(chip))
    ways = placement.core_router[found.from_core], placement.core_router[found.to_core]
    return float((links.between(*ways) * found.flits).sum())


def test_a_link_between_chips_costs_the_mean_of_its_ratios_in_energy_and_time():
    """50 pJ over the mean of 3 and 4 pJ; 3 cycles of the router, 10 more and one a flit over 3 + 1."""
    assert chip_link_cost(make_chip()) == pytest.approx((50 / 3.5 + 14 / 4) / 2)
    assert chip_link_cost(make_chip(chip__max_chips=1, noc__chip_link=None)) == 1


def test_streamed_weights_let_every_stage_have_the_same_cores():
    """Stages of 1 home and 1 layer; 2 tokens load 4 rows of one 64-bit word each: 1 burst of 512 bits."""
    chip = make_chip(mapping={"weights": "streamed"}, dram=make_dram())
    trace = synthetic_trace("full", [4, 4, 4], levels=2, tokens=2)
    placement = map_trace(trace, chip).placement
    assert [b.core for b in placement.blocks] == [0, 1, 0, 1, 0]
    assert placement.streamed == {"layers.0", "layers.1"}
    streamed, resident = replay(map_trace(trace, chip)), replay(map_trace(trace, make_chip()))
    loaded = {row.owner: row.count for row in streamed.action_counts if row.component == "dram"}
    assert loaded == {"layers.0": 2 * 512, "layers.1": 2 * 512}
    spent = dict(zip(streamed.stages["stage"], streamed.stages["transfer_ps"], strict=True))
    kept = dict(zip(resident.stages["stage"], resident.stages["transfer_ps"], strict=True))
    assert spent["layers.0.in"] - kept["layers.0.in"] == 2 * 10_000  # a burst of 10 ns for each token


def test_inactive_rows_in_an_active_burst_are_paid():
    """8 rows of 64 bits in bursts of 128: one spike in row 5 brings rows 4 and 5, two of 8."""
    chip = make_chip(mapping={"weights": "streamed"}, dram=make_dram("128 bit", "active"))
    trace = synthetic_trace("single", [8, 4], tokens=1, single=(0, 0, 5, 1))
    loaded = [row.count for row in replay(map_trace(trace, chip)).action_counts if row.component == "dram"]
    assert loaded == [128]


def test_a_chip_without_dram_streams_nothing():
    with pytest.raises(ValueError, match=r"dram: missing, expected one because mapping.weights is streamed"):
        make_chip(mapping={"weights": "streamed"})


@examples(80)
@given(
    sizes=st.lists(st.integers(1, 90), min_size=2, max_size=4),
    axons=st.integers(1, 64),
    neurons=st.integers(1, 64),
    sram=st.integers(8, 4096),
    strategy=st.sampled_from(list(STRATEGIES)),
    share=st.booleans(),
)
def test_blocks_cover_every_synapse_once_within_every_limit(sizes, axons, neurons, sram, strategy, share):
    chip = make_chip(
        chip__max_chips=100_000,
        core__limits={"axons_in": axons, "neurons": neurons},
        core__sram={"capacity": f"{sram} B", "word": "64 bit"},
        mapping={"strategy": strategy, "share_cores": share},
    )
    trace = synthetic_trace("silent", sizes)
    blocks = map_trace(trace, chip).placement.blocks
    rows, columns, memory = Counter(), Counter(), Counter()
    for b in blocks:
        rows[b.core] += b.n_rows
        columns[b.core] += b.n_cols
        memory[b.core] += b.sram_bytes
    assert max(rows.values()) <= axons
    assert max(columns.values()) <= neurons
    assert max(memory.values()) <= sram
    assert share or len({b.core for b in blocks}) == len(blocks)
    assert [b.core for b in blocks] == sorted(b.core for b in blocks) or share
    for stage in trace.stages:
        at = {b.core for b in blocks if b.owner == stage.stage_id or b.owner in stage.layers}
        if len(at) <= (per_chip := chip.chip.n_cores) and not share:
            assert len({core // per_chip for core in at}) == 1
        home = [b.core for b in blocks if b.owner == stage.stage_id]
        driven = {b.core for b in blocks if b.owner in stage.layers}
        assert len(set(home)) == len(home)
        assert not driven & set(home)
    for x in trace.layers:
        of_layer = [b for b in blocks if b.owner == x.layer_id]
        assert [b.core for b in of_layer] == sorted(b.core for b in of_layer)
        held = np.zeros((x.n_in, x.n_out), np.int64)
        for b in of_layer:
            held[b.row_start : b.row_stop, b.col_start : b.col_stop] += 1
        assert (held == 1).all()


def chip_link_flits(trace, chip):
    """Flits over links between chips, as the network moved them."""
    links = replay(map_trace(trace, chip)).links
    return int(links[links["crosses_chip"]]["flits"].sum())


STRADDLING = {  # chips of 4 cores, one a tile; homes and layers of at most 4 neurons a core
    "chip__tiles_x": 2,
    "chip__tiles_y": 2,
    "chip__cores_per_tile": 1,
    "core__limits": {"axons_in": 64, "neurons": 4},
}


@pytest.mark.parametrize("change", [{}, {"placement": "min_hops"}, {"share_cores": True}])
def test_a_stage_that_fits_a_chip_never_straddles_one(change):
    """Stages of 3, 3 and 1 cores on chips of 4: a home and 2 blocks, 2 homes and a block, the head next to these.

    Only the 8 outputs of layer 0 cross from chip to chip, one flit each for every token, and no spike does.
    """
    trace = synthetic_trace("full", [4, 8, 4], levels=3, tokens=2)
    whole = make_chip(**STRADDLING, chip__max_chips=4, mapping=change)
    placement = map_trace(trace, whole).placement
    for stage in trace.stages:
        cores = {b.core for owner in (stage.stage_id, *stage.layers) for b in placement.of(owner)}
        assert len(set(placement.chip_of(placement.core_router[sorted(cores)]).tolist())) == 1
    assert chip_link_flits(trace, whole) == 2 * 8


def test_stages_straddle_chips_where_whole_stages_would_take_too_many():
    """Stages of 2, 3, 4 and 2 cores take 4 chips of 4 as a whole, and 3 without gaps.

    Whole, the 4, 8 and 8 outputs of the layers cross a link: 20 flits a token. Without gaps core 4, a target of the
    home on core 2, is on chip 1, and core 8, one of those on cores 5 and 6, on chip 2: 4 x 3 and 8 x 3 spikes cross,
    and of the outputs 4 from core 3 to core 5 and 4 from core 7 to core 9: 44 flits.
    """
    trace = synthetic_trace("full", [4, 4, 8, 8], levels=3, tokens=1)
    whole, tight = (make_chip(**STRADDLING, chip__max_chips=n) for n in (4, 3))
    assert [b.core for b in map_trace(trace, whole).placement.blocks] == [0, 1, 4, 5, 6, 8, 9, 10, 11, 12, 13]
    assert [b.core for b in map_trace(trace, tight).placement.blocks] == list(range(11))
    assert (chip_link_flits(trace, whole), chip_link_flits(trace, tight)) == (20, 44)


def test_streamed_stages_that_fit_a_chip_stay_on_it():
    """2 homes and 2 blocks at most fit a chip of 4; 3 homes and 3 blocks do not, but each stage of them does."""
    trace = synthetic_trace("silent", [4, 4, 8, 8])
    chip = make_chip(**STRADDLING, mapping={"weights": "streamed"}, dram=make_dram())
    assert [b.core for b in map_trace(trace, chip).placement.blocks] == [0, 2, 0, 2, 3, 0, 1, 2, 3, 0, 1]
    wide = synthetic_trace("silent", [4, 12, 4])
    placement = map_trace(wide, chip).placement
    assert [b.core for b in placement.blocks] == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert placement.n_chips == 1


@examples(40)
@given(st.data())
def test_every_placement_gives_each_tile_its_cores_and_no_seed_makes_it_worse_than_the_snake(data):
    chip = make_chip(
        noc__topology=data.draw(st.sampled_from(["mesh", "torus"])),
        chip__tiles_x=data.draw(st.integers(1, 3)),
        chip__cores_per_tile=data.draw(st.integers(1, 3)),
        chip__max_chips=60,
        core__limits={"axons_in": 20, "neurons": 5},
    )
    trace = synthetic_trace("poisson", data.draw(st.lists(st.integers(1, 30), min_size=2, max_size=3)), seed=2)
    hops = {}
    for name in PLACEMENTS:
        placed = chip.model_copy(update={"mapping": Mapping(placement=name, seed=data.draw(st.integers(0, 99)))})
        routers = Counter(map_trace(trace, placed).placement.core_router.tolist())
        assert set(routers.values()) == {chip.chip.cores_per_tile}
        hops[name] = link_costs(trace, placed)
    assert hops["min_hops"] <= hops["snake"]


@given(st.integers(1, 500), st.integers(1, 40))
def test_even_ranges_cover_without_gap(total, parts):
    ranges = even_ranges(total, parts)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == total
    assert all(a[1] == b[0] for a, b in pairwise(ranges))
    assert max(b - a for a, b in ranges) - min(b - a for a, b in ranges) <= 1
