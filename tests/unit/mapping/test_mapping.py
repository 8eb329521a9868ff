"""Partition, placement and fit, worked out by hand."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from factories import make_chip, make_trace
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import CapacityError
from simulator.mapping.capacity import Cut, cut_layer
from simulator.mapping.fit import fit
from simulator.mapping.partition import even_ranges, partition
from simulator.mapping.place import crosses_chip, map_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Layer


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
    wanted = (
        "toy: layer layers.0: one synapse needs 8 B of a core's SRAM, limit 4 B (4 B over);"
        " raise core.sram.capacity or make core.sram.word smaller"
    )
    with pytest.raises(CapacityError, match=re.escape(wanted)):
        cut_layer(layer(2, 2), chip)


def test_too_few_chips_are_refused_with_demand_bound_and_gap():
    chip = make_chip(chip__tiles_x=1, chip__tiles_y=1, chip__cores_per_tile=2, chip__max_chips=1)
    wanted = (
        "toy: the trace needs 5 cores, limit 2 on 1 chip(s) (3 cores over);"
        " raise chip.max_chips to 3, core.sram.capacity or core.limits"
    )
    with pytest.raises(CapacityError, match=re.escape(wanted)):
        map_trace(synthetic_trace("silent", [4, 4, 4]), chip)


def test_cores_follow_a_snake_through_the_chip():
    """2 x 4 tiles, 2 cores each: tiles 0 1 / 3 2 / 4 5 ...; router = y * 2 + x."""
    placement = map_trace(synthetic_trace("silent", [4, 4, 4]), make_chip())
    assert placement.core_router[:10].tolist() == [0, 0, 1, 1, 3, 3, 2, 2, 4, 4]


def test_chips_tile_into_a_near_square():
    """23 cores on chips of 2: 12 chips, 4 x 3; chip 5 stands at (1, 1)."""
    chip = make_chip(chip__tiles_x=2, chip__tiles_y=1, chip__cores_per_tile=1, chip__max_chips=12)
    placement = map_trace(make_trace(), chip)
    assert (placement.n_chips, placement.chips_x, placement.chips_y) == (12, 4, 3)
    assert (placement.mesh_x, placement.mesh_y) == (8, 3)
    assert placement.core_router[10:12].tolist() == [8 + 2, 8 + 3]


def test_links_between_chips():
    chip = make_chip()  # 2 x 4 tiles
    x, y = np.array([1, 0]), np.array([0, 3])
    leaves = np.stack([crosses_chip(x, y, direction, chip) for direction in range(4)], axis=1)
    assert leaves.tolist() == [[True, False, False, True], [False, True, True, False]]


def test_fit_names_the_largest_block():
    table = fit(make_trace(), make_chip()).rows.set_index("owner")
    down = table.loc["blocks.0.down"]  # 32 x 16 INT8: 32 rows x 2 words x 8 B = 512 B of 4096
    assert (down["rows"], down["neurons"], down["sram_bytes"], down["sram_util"]) == (32, 16, 512, 0.125)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 90), min_size=2, max_size=4),
    axons=st.integers(1, 64),
    neurons=st.integers(1, 64),
    sram=st.integers(8, 4096),
)
def test_blocks_cover_every_synapse_once_within_every_limit(sizes, axons, neurons, sram):
    chip = make_chip(
        core__limits={"axons_in": axons, "neurons": neurons}, core__sram={"capacity": f"{sram} B", "word": "64 bit"}
    )
    trace = synthetic_trace("silent", sizes)
    blocks = partition(trace, chip)
    assert [b.core for b in blocks] == list(range(len(blocks)))
    for b in blocks:
        assert b.n_rows <= axons
        assert b.n_cols <= neurons
        assert b.sram_bytes <= sram
    for x in trace.layers:
        cells = [
            (r, c)
            for b in blocks
            if b.owner == x.layer_id
            for r in range(b.row_start, b.row_stop)
            for c in range(b.col_start, b.col_stop)
        ]
        assert sorted(cells) == [(r, c) for r in range(x.n_in) for c in range(x.n_out)]


@given(st.integers(1, 500), st.integers(1, 40))
def test_even_ranges_cover_without_gap(total, parts):
    ranges = even_ranges(total, parts)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == total
    assert all(a[1] == b[0] for a, b in pairwise(ranges))
    assert max(b - a for a, b in ranges) - min(b - a for a, b in ranges) <= 1
