"""The closed form of a stage by hand: times in ns and energies in pJ of the toy chip (`factories.chip_fields`)."""

from __future__ import annotations

import numpy as np
import pytest
from factories import make_chip

from simulator.mapper.candidates import Candidates
from simulator.mapper.stage_cost import CostModel, StageCost
from simulator.mapper.stage_work import stage_works
from simulator.trace.synthetic import synthetic_trace

NS = 1000
TRACE = synthetic_trace("full", [8, 6], tokens=2, levels=2)  # every neuron fires in both timesteps


def cost(stage: int, homes: int, rows: list[int], columns: list[int], **changes: object) -> StageCost:
    """Cost of a stage of `TRACE` under one candidate."""
    chip = make_chip(**changes)
    some = Candidates(np.array([homes]), np.array([rows], np.int64), np.array([columns], np.int64))
    return CostModel(chip).cost(stage_works(TRACE, chip, {})[stage], some, channels=1)


def test_a_timestep_waits_for_the_last_packet_and_its_service():
    """Two home cores of 4 neurons drive two blocks of 3 columns, one spike to each.

    A home core walks 4 x (8 + 3) = 44 and sends 8 x 5 = 40; its last packet is out 5 later, at 49. The port of the tile
    of both blocks takes 16 flits x 2 = 32, and 50 as routers fill it. A row is one word and one turn: 3 + 1 = 4; three
    neurons take 3 x 8 = 24. On the way are 2 + 3 + 3 cycles of 2 = 16. The last packet ends at 50 + 4 + 24 + 16 = 94;
    all eight rows in a row would end at 21 + 8 x 4 + 24 + 16 = 93.
    """
    found = cost(0, 2, [1], [2])
    assert found.step_ps[0, 0].tolist() == pytest.approx([94 * NS] * 2)
    assert found.barriers.tolist() == [2]
    assert found.cores.tolist() == [4]


def test_a_timestep_waits_for_a_slow_target():
    """As above with 30 ns per accumulate: a row takes 31. Neuron 0 fires at 11, and its packet for the second block is
    out at 21; eight rows from then on end at 21 + 248 + 24 + 16 = 309.
    """
    found = cost(0, 2, [1], [2], core__dendrite__accumulate__latency__value="30 ns")
    assert found.step_ps[0, 0].tolist() == pytest.approx([309 * NS] * 2)


def test_the_energy_of_a_stage():
    """16 spikes are 32 packets, each one link of 3.5 pJ on average and 1.7 at its tile, 11 to send and 5 to look up.

    A spike reads 2 words of 10 and adds 6 x 23.6. The home cores fire 16 times for 81 + 20, and 6 targets update twice
    for 81. The encoder multiplies 8 times and compares 16 times. It has the home cores exchange two numbers, each of
    which is a packet and 24 bits written.
    """
    packet = 11 + 5 + 1.7 + 3.5
    spikes = 16 * (2 * 10 + 6 * 23.6 + 81 + 20)
    encoder = 8 * 0.4 + 16 * 0.1 + 2 * (packet + 24 * 0.25)
    found = cost(0, 2, [1], [2])
    assert found.energy_pj[0] == pytest.approx(32 * packet + spikes + 12 * 81 + encoder)
    assert found.hop_pj[0] == pytest.approx(34 * 3.5)


def test_partial_sums_travel_and_are_added():
    """Inputs in two parts: 6 sums of one row part reach the blocks of the other, in 2 x 3 columns.

    A spike reaches one row part: 2 packets, which go farther, as do the 2 numbers of the encoder. The sums take a
    packet, a lookup, a hop, a tile and 2 pJ to add.
    """
    whole, parts = cost(0, 2, [1], [2]), cost(0, 2, [2], [2])
    assert parts.barriers[0] == whole.barriers[0] + 1
    hops = {4: 1.0, 6: 4 / 3}  # cores -> links between two of their tiles on average: 2 tiles in a row, 2 x 2
    packets, sums = 34 * 3.5 * (hops[6] - hops[4]), 6 * (11 + 5 + 1.7 + 3.5 * hops[6] + 2)
    assert parts.energy_pj[0] - whole.energy_pj[0] == pytest.approx(packets + sums + 12 * 81)


def test_values_are_collected_through_the_port_of_a_tile():
    """6 values for 3 home cores, two of them on a tile: 2 x max(2 + 1, 2 x 2) = 8, 16 on the way, 5 to send: 29."""
    assert cost(1, 3, [], []).collect_ps[0] == pytest.approx(29 * NS)
