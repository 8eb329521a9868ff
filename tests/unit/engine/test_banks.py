"""Banks of the synaptic memory, on paper: slots of the words of a row, conflicts, and the time that banks save.

Toy chip: 4 lanes, 8-bit weights, words of 64 bits, a word 1 ns, synop 1 ns, accumulate 3 ns, overhead 1 ns.
"""

from __future__ import annotations

import numpy as np
import pytest
from factories import action, make_chip, make_sram, price

from simulator.engine.banks import accumulator_slots, word_slots
from simulator.engine.engine import replay
from simulator.engine.plan import plan_stages
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace

NS = 1000


def words(columns: int, word: str, banks: int, **changes: object) -> tuple[int, int]:
    sram = {"capacity": "4 KiB", "word": word, "banks": banks}
    slots, conflicts = word_slots(np.array([columns]), np.array([8]), make_chip(core__sram=sram, **changes))
    return int(slots[0]), int(conflicts[0])


@pytest.mark.parametrize(
    ("word", "banks", "expected"),
    [
        ("64 bit", 1, (2, 0)),  # ten bytes: the second turn finds its word read, the third reads another
        ("8 bit", 1, (10, 7)),  # 4, 4 and 2 words from one bank
        ("8 bit", 2, (5, 2)),  # 2, 2 and 1 slots
        ("8 bit", 3, (5, 2)),  # 2, 2 and 1
        ("8 bit", 4, (3, 0)),
        ("12 bit", 2, (5, 2)),  # bits up to 32, 64 and 80 are words up to 3, 6 and 7: 2, 2 and 1 slots
    ],
)
def test_slots_of_ten_weights_by_hand(word, banks, expected):
    assert words(10, word, banks) == expected


def test_slices_of_a_weight_are_read_as_they_are_needed():
    """8-bit weights on 3-bit synapses, ends of their bits 3, 6, 8; 4 lanes: bits up to 11, 22 and 24 of 3 weights.

    Words of 4 bits: 3, 6 and 6 in all, so 3, 3 and none in a turn, of two banks 2 + 2 slots.
    """
    assert words(3, "4 bit", 2, core__synapse__weight_bits="3 bit") == (4, 2)


def test_banks_make_a_row_of_many_words_faster_and_cost_nothing():
    """One spike into 8 outputs, words of 8 bits of 10 ns: 8 reads in a row, or 2 turns of 4 banks; 81 or 21 ns."""
    trace = synthetic_trace("full", [1, 8], levels=1, tokens=1, ops=False, head=False)
    found = []
    for banks in (1, 4):
        chip = make_chip(
            core__sram={"capacity": "4 KiB", "word": "8 bit", "banks": banks},
            core__synapse__word_read__latency__value="10 ns",
            core__soma__every="stage",
        )
        found.append(replay(map_trace(trace, chip)))
    one, four = found
    assert one.cores["busy_ps"].iloc[1] - four.cores["busy_ps"].iloc[1] == 60 * NS
    assert one.action_counts == four.action_counts
    assert one.cores["word_conflicts"].tolist() == [0, 6]  # three of four words of each turn wait
    assert four.cores["word_conflicts"].tolist() == [0, 0]


def test_conflicts_of_accumulators_are_slots_beyond_one_a_turn():
    chip = make_chip(core__dendrite__accumulator_banks=3)
    slots, conflicts = accumulator_slots(np.array([10, 3]), np.array([8, 8]), chip)
    assert (slots.tolist(), conflicts.tolist()) == ([5, 1], [2, 0])


def test_registers_have_no_conflicts_and_a_memory_counts_them_per_packet():
    """Three spikes into ten outputs, three banks: 2 conflicts a packet."""
    trace = synthetic_trace("full", [3, 10], levels=1, tokens=1, ops=False, head=False)
    for where, expected in (("registers", 0), ("sram", 6)):
        chip = make_chip(core__dendrite__accumulators=where, core__dendrite__accumulator_banks=3)
        assert replay(map_trace(trace, chip)).cores["accumulator_conflicts"].tolist() == [0, expected]


def test_words_that_overlap_take_the_interval_between_them():
    """8 weights in 8 words: 8 x 5 ns one after another, 8 x 3 ns where fetches overlap."""
    trace = synthetic_trace("full", [2, 8], levels=1, tokens=1)
    slow = {"core__sram": make_sram(word="8 bit"), "core__synapse__word_read": action("10 pJ", "5 ns")}
    alone, overlapping = make_chip(**slow), make_chip(**slow, core__synapse__word_interval=price("3 ns"))
    times = [
        plan_stages(trace.stages[:1], map_trace(trace, chip)).target_row.ps.tolist() for chip in (alone, overlapping)
    ]
    assert times == [[41_000], [25_000]]
