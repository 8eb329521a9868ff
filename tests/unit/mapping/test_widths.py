"""Widths of a mapping: homes and cuts as they are asked for, whole stages on whole chips."""

from __future__ import annotations

from factories import make_chip

from simulator.mapping.capacity import Cut
from simulator.mapping.chip_edges import first_cores
from simulator.mapping.place import map_trace
from simulator.mapping.widths import Widths
from simulator.trace.synthetic import synthetic_trace


def test_a_stage_begins_on_a_new_chip_rather_than_lie_on_two():
    """3 and 4 cores fill 7 of 8; 9 are more than a chip and go on there; 2 fit behind them."""
    assert first_cores([3, 4, 9, 2, 7], 8) == [0, 3, 7, 16, 24, 31]


def test_homes_and_cuts_are_as_wide_as_asked():
    chip, trace = make_chip(chip__max_chips=9), synthetic_trace("silent", [4, 6])
    placement = map_trace(trace, chip, Widths({"layers.0.in": 2}, {"layers.0": Cut(2, 3)})).placement
    assert [(b.col_start, b.col_stop) for b in placement.of("layers.0.in")] == [(0, 2), (2, 4)]
    blocks = [(b.row_start, b.row_stop, b.col_start, b.col_stop) for b in placement.of("layers.0")]
    assert blocks == [(0, 2, 0, 2), (0, 2, 2, 4), (0, 2, 4, 6), (2, 4, 0, 2), (2, 4, 2, 4), (2, 4, 4, 6)]


def test_no_widths_are_those_of_the_chip_file():
    chip, trace = make_chip(chip__max_chips=9), synthetic_trace("silent", [4, 6])
    assert map_trace(trace, chip, Widths()).placement.blocks == map_trace(trace, chip).placement.blocks


def test_chips_begin_where_least_is_passed_on():
    """Chips of 8 cores: 3 + 4 | 4 cuts 50 values, 3 | 4 + 4 cuts 10; no chip more is taken for it."""
    assert first_cores([3, 4, 4], 8, [0, 10, 50]) == [0, 8, 12, 16]
    assert first_cores([3, 4, 4], 8, [0, 50, 10]) == [0, 3, 8, 12]
    assert first_cores([4, 4, 4, 4], 8, [0, 1, 50, 1]) == [0, 4, 8, 12, 16]
    assert first_cores([3, 4], 8, [0, 10]) == [0, 3, 7]
    assert first_cores([3, 9, 2], 8, [0, 5, 7]) == first_cores([3, 9, 2], 8)
