"""Accumulators in a memory: what a row and a partial sum count and take, on paper; the banks it has to have.

Toy chip: 4 lanes, synop 1 ns, accumulate 3 ns, a read 1 ns and a write 2 ns of an accumulator, overhead 1 ns.
"""

from __future__ import annotations

import numpy as np
import pytest
from factories import make_chip

from simulator.config import load_chip
from simulator.energy.ledger import build_ledger
from simulator.engine.banks import accumulator_slots
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.errors import ConfigError
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace

NS = 1000
SRAM = {"core__dendrite__accumulators": "sram"}


def run(widths: list[int], **changes: object) -> SimResult:
    """One token in which every input spikes once."""
    trace = synthetic_trace("full", widths, levels=1, tokens=1, ops=False, head=False)
    chip = make_chip(core__soma__every="stage", **changes)
    return replay(map_trace(trace, chip))


def counts_of(result: SimResult) -> dict[str, int]:
    return {f"{row.component}.{row.action}": row.count for row in result.action_counts if row.owner == "layers.0"}


def slots(columns: int, **changes: object) -> int:
    return int(accumulator_slots(np.array([columns]), np.array([8]), make_chip(**changes))[0][0])


def test_each_accumulate_reads_and_writes_a_word():
    """Three spikes into ten outputs: 30 accumulates, so 30 reads of 0.7 pJ and 30 writes of 0.9 pJ."""
    registers, sram = run([3, 10]), run([3, 10], **SRAM)
    assert counts_of(sram) == counts_of(registers) | {"dendrite.accumulator_read": 30, "dendrite.accumulator_write": 30}
    assert sram.total_ps == registers.total_ps  # three turns of 3 ns, in both
    energy = build_ledger(sram, make_chip(**SRAM)).total_pj - build_ledger(registers, make_chip()).total_pj
    assert energy == pytest.approx(30 * (0.7 + 0.9), rel=1e-9)


@pytest.mark.parametrize(("banks", "expected"), [(None, 3), (4, 3), (8, 3), (3, 5), (2, 5), (1, 10)])
def test_slots_of_ten_neurons_by_hand(banks, expected):
    """Turns of 4, 4 and 2 neurons: in three banks 2, 2 and 1 of a bank; in two 2, 2 and 1; in one 4, 4 and 2."""
    assert slots(10, core__dendrite__accumulator_banks=banks) == expected


def test_slices_of_a_weight_ask_for_the_same_accumulator():
    """8-bit weights on 4-bit synapses: turns (0 0 1 1), (2 2) ask twice for one neuron: 2 + 2 slots in any banks."""
    assert slots(3, core__synapse__weight_bits="4 bit") == 4
    assert slots(3, core__synapse__weight_bits="4 bit", core__dendrite__accumulator_banks=1) == 6


def test_the_slowest_stage_is_the_memory():
    """One spike into ten outputs of a single bank: 10 x (1 + 2) + 1 = 31 ns, of registers 3 turns x 3 + 1 = 10 ns."""
    busy = [run([1, 10], core__dendrite__accumulator_banks=1, **more).cores["busy_ps"].iloc[1] for more in ({}, SRAM)]
    assert busy[1] - busy[0] == 21 * NS


def test_a_partial_sum_reads_and_writes_its_accumulator():
    """Four inputs on two cores: two sums reach the first; received in max(lookup 2, reduce 1, memory 3) + 1 = 4 ns."""
    limits = {"axons_in": 2, "neurons": 64}
    registers, sram = (run([4, 2], core__limits=limits, **more) for more in ({}, SRAM))
    counts = counts_of(sram)
    assert (counts["dendrite.accumulate"], counts["dendrite.reduce"]) == (8, 2)
    assert (counts["dendrite.accumulator_read"], counts["dendrite.accumulator_write"]) == (10, 10)
    assert sram.stages["transfer_ps"].sum() == registers.stages["transfer_ps"].sum() + 1 * NS


def test_a_memory_without_a_price_is_refused():
    with pytest.raises(ConfigError) as refused:
        load_chip("loihi-like", ["core.dendrite.accumulators=sram"])
    for action in ("accumulator_read", "accumulator_write"):
        expected = f"core.dendrite.{action}: missing, expected one because core.dendrite.accumulators is sram"
        assert expected in str(refused.value)


def test_the_shipped_asic_has_the_prices_of_its_memory():
    """CACTI's power law at 0.5 KiB, 1.213 x 0.5 ^ 0.596 pJ a read, 2.5 times that a write."""
    dendrite = load_chip("sdllm-asic-45nm", ["core.dendrite.accumulators=sram"]).core.dendrite
    read_pj = 1.213 * 0.5**0.596
    assert dendrite.accumulator_read.energy.value == pytest.approx(read_pj)
    assert dendrite.accumulator_write.energy.value == pytest.approx(2.5 * read_pj)
