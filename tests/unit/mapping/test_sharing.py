"""Blocks that share cores: which core each one takes."""

from __future__ import annotations

from dataclasses import replace

from factories import make_chip, make_sram

from simulator.mapping.capacity import Cut
from simulator.mapping.place import map_trace
from simulator.mapping.sharing import first_cores
from simulator.mapping.widths import Widths
from simulator.trace.synthetic import synthetic_trace


def cores_of(sizes: list[int], **limits: object) -> dict[str, list[int]]:
    chip = make_chip(mapping={"share_cores": True}, chip__max_chips=9, **limits)
    placement = map_trace(synthetic_trace("silent", sizes), chip).placement
    return {owner: [b.core for b in blocks] for owner, blocks in placement.by_owner.items()}


def test_the_blocks_of_a_home_take_cores_of_their_own_and_leave_room_for_a_later_home():
    """Homes of 6 values on 4 neurons: 2 blocks of 3. The head of 1 value fits next to the first block of the home."""
    cores = cores_of([6, 1], core__limits={"axons_in": 64, "neurons": 4})
    assert cores == {"layers.0.in": [0, 1], "layers.0": [2], "head": [0]}


def test_the_blocks_of_a_layer_go_on_from_the_core_of_the_block_before():
    """A layer of 2 x 12 outputs on 4 neurons is 3 blocks; the home's core is barred, though it has room for 2 more."""
    cores = cores_of([2, 12], core__limits={"axons_in": 64, "neurons": 4})
    assert cores["layers.0.in"] == [0]
    assert cores["layers.0"] == [1, 2, 3]


def test_a_second_layer_starts_again_from_the_first_core_with_room():
    """Layer 0 needs a row of one word (8 bytes) for each of 2 inputs and so does layer 1: both fit core 1."""
    cores = cores_of([2, 2, 2], core__sram=make_sram("64 B"))
    assert cores == {"layers.0.in": [0], "layers.0": [1], "layers.1.in": [0], "layers.1": [1], "head": [0]}


def test_a_later_block_of_a_home_takes_no_core_before_that_of_the_block_before():
    """Layer 0 has 3 blocks of 1 neuron on cores 5 to 7 and leaves 6 of 7 neurons on each.

    Layer 1 (blocks of 6, 7, 7, 6, 7, 7 neurons) begins on core 5. So does the head, of the same blocks, on core 6. Its
    fourth block, of 6, would fit core 7, but the block before it is on core 14. One chip holds them all.
    """
    chip = make_chip(
        chip__tiles_x=9,
        core__limits={"axons_in": 14, "neurons": 7},
        core__sram=make_sram("256 B"),
        mapping={"share_cores": True, "strategy": "by_input"},
    )
    placement = map_trace(synthetic_trace("silent", [33, 1, 40]), chip).placement
    assert [b.core for b in placement.of("layers.1")] == [5, 8, 9, 10, 11, 12]
    assert [b.core for b in placement.of("head")] == [6, 13, 14, 15, 16, 17]


def test_a_later_block_of_a_layer_takes_no_core_before_that_of_the_block_before():
    """34 inputs in parts of 8, 9, 8, 9 rows of 8 bytes: the third, of 64 bytes, would fit next to the first."""
    cores = cores_of([34, 2], core__limits={"axons_in": 18, "neurons": 12}, core__sram=make_sram("128 B"))
    assert cores["layers.0"] == [3, 4, 5, 6]


def test_a_stage_straddles_two_chips_only_where_it_is_larger_than_one():
    """Chips of 4 cores: 3, then 2 on the next chip, 4 on the one after, 9 over three chips, 1 behind them."""
    assert first_cores([3, 2, 4, 9, 1], per_chip=4) == [0, 4, 8, 12, 21, 22]
    assert first_cores([2, 2, 3, 4], per_chip=4) == [0, 2, 4, 8, 12]  # what just fits the rest stays
    assert first_cores([], per_chip=4) == [0]


def test_a_home_holds_values_and_no_rows():
    chip = make_chip(core__limits={"axons_in": 64, "neurons": 4})
    placement = map_trace(synthetic_trace("silent", [6, 1]), chip).placement
    homes = [(b.row_start, b.row_stop, b.col_start, b.col_stop, b.sram_bytes) for b in placement.of("layers.0.in")]
    assert homes == [(0, 0, 0, 3, 0), (0, 0, 3, 6, 0)]


def test_the_axons_out_of_homes_on_one_core_add_up():
    """Two neurons to two blocks each take 4 axons: core 0 holds two such homes with 8 axons, and one with 7."""
    for bound, cores in ((8, [0]), (7, [1])):
        limits = {"axons_in": 64, "neurons": 8, "axons_out": bound}
        chip = make_chip(mapping={"share_cores": True}, chip__max_chips=9, core__limits=limits)
        widths = Widths(cuts={"layers.0": Cut(1, 2), "layers.1": Cut(1, 2)})
        placement = map_trace(synthetic_trace("silent", [2, 2, 2]), chip, widths).placement
        assert [b.core for b in placement.of("layers.1.in")] == cores


def test_stages_share_cores_and_the_blocks_of_each_stage_are_apart():
    """Without a key of the chip file: both layers of four blocks on the same cores, none of them with another."""
    widths = Widths({"layers.0.in": 2, "layers.1.in": 2}, {"layers.0": Cut(1, 4), "layers.1": Cut(2, 2)})
    trace = synthetic_trace("silent", [4, 4, 4])
    alone = map_trace(trace, make_chip(chip__max_chips=9), widths)
    shared = map_trace(trace, make_chip(chip__max_chips=9), replace(widths, share_cores=True))
    cores = {owner: [b.core for b in blocks] for owner, blocks in shared.placement.by_owner.items()}
    assert cores["layers.0.in"] == cores["layers.1.in"] == [0, 1]
    assert cores["layers.0"] == cores["layers.1"] == [2, 3, 4, 5]
    assert len({b.core for b in alone.placement.blocks}) == 13
    assert shared.chip.mapping.share_cores
