"""Weights from DRAM by hand: bursts that rows share, chunks that fetch once, channels of several chips.

A row of 4 weights of 8 bits takes one SRAM word of 64 bits; the toy's DRAM brings a burst in 10 ns at 4 pJ a bit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from factories import make_chip, make_dram

from simulator.config.chip import ChipConfig
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace


def spiking(rows: list[list[int]], n_out: int = 4) -> Trace:
    """One layer; a token for each list of inputs that spike once."""
    trace = synthetic_trace("silent", [8, n_out], levels=1, tokens=len(rows))
    counts = np.zeros((len(rows), 8), np.int16)
    for token, active in enumerate(rows):
        counts[token, active] = 1
    return replace(trace, load_counts=lambda _: counts)


def streamed(burst: str, fetch: str = "active", **changes: Any) -> ChipConfig:
    return make_chip(mapping={"weights": "streamed"}, dram=make_dram(burst, fetch), **changes)


def run(trace: Trace, chip: ChipConfig) -> SimResult:
    return replay(map_trace(trace, chip))


def loaded_bits(result: SimResult) -> int:
    return sum(row.count for row in result.action_counts if row.component == "dram")


def load_ps(trace: Trace, chip: ChipConfig) -> int:
    """What the loads add to the time of transfers."""
    instant = chip.model_copy(update={"dram": chip.dram.model_copy(update={"access": free(chip)})})
    whole, without = (run(trace, c).stages["transfer_ps"].sum() for c in (chip, instant))
    return int(whole - without)


def free(chip: ChipConfig) -> object:
    return chip.dram.access.model_copy(update={"value": 0})


@pytest.mark.parametrize(
    ("active", "bursts"),
    [
        ([], 0),
        ([0], 1),  # bits 0 to 63 of the burst of 0 to 95
        ([1], 2),  # bits 64 to 127: two bursts
        ([0, 1], 2),  # they share the first
        ([2], 1),  # bits 128 to 191, the rest of the second burst
        ([0, 7], 3),  # bits 448 to 511: the fifth and the sixth, which goes beyond the last row
        ([0, 1, 2, 3, 4, 5, 6, 7], 6),  # 512 bits
    ],
)
def test_a_burst_with_an_active_row_is_paid_whole_and_once(active, bursts):
    trace, chip = spiking([active]), streamed("96 bit")
    result = run(trace, chip)
    assert loaded_bits(result) == bursts * 96
    ledger = build_ledger(result, chip)
    assert ledger.by_component().get("dram", 0.0) == bursts * 96 * 4.0
    assert load_ps(trace, chip) == bursts * 10_000


def test_without_a_look_at_the_spikes_every_row_is_fetched():
    assert loaded_bits(run(spiking([[0]]), streamed("96 bit", "all"))) == 6 * 96


@pytest.mark.parametrize(("chunk", "bursts"), [(1, 1 + 1 + 2), (2, 2 + 2), (3, 3)])
def test_a_chunk_of_a_prompt_fetches_the_rows_of_all_its_tokens_once(chunk, bursts):
    """Bursts of two rows. Token 0 wants rows 0, 1; token 1 row 6; token 2 rows 0 and 4."""
    trace, chip = spiking([[0, 1], [6], [0, 4]]), streamed("128 bit", schedule={"chunk": chunk})
    assert loaded_bits(run(trace, chip)) == bursts * 128


@pytest.mark.parametrize(("tiles", "chips", "turns"), [(4, 1, 6), (2, 2, 3), (1, 4, 2)])
def test_chips_bring_bursts_side_by_side(tiles, chips, turns):
    """8 outputs on 2 cores of 4, each 8 rows in 3 bursts of 192 bits: 6 bursts over the channels of all chips."""
    trace = spiking([[0]], n_out=8)
    grid = {"chip__tiles_x": tiles, "chip__tiles_y": 1, "chip__cores_per_tile": 1}
    chip = streamed("192 bit", "all", core__limits={"axons_in": 64, "neurons": 4}, **grid)
    assert map_trace(trace, chip).placement.n_chips == chips
    assert load_ps(trace, chip) == turns * 10_000
