"""Weights that are not resident: what a stage loads from DRAM before its timesteps, in whole bursts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig, Dram
from simulator.engine.token_order import chunks
from simulator.mapping.capacity import ceil_div, words_per_row
from simulator.mapping.mapped import Mapped
from simulator.mapping.placement import Block
from simulator.trace.trace_program import Layer, Stage


def loads(stage: Stage, tokens: Ints, mapped: Mapped) -> Iterator[tuple[int, dict[str, int]]]:
    """What is loaded for a stage whose rounds take ``tokens``: (round, layer id -> bursts), once for each chunk.

    A chunk loads when its first token on which the stage works comes, for all of its tokens.
    """
    trace = mapped.trace
    round_of = {token: i for i, token in enumerate(tokens.tolist())}
    for chunk in chunks(trace, mapped.chip.schedule):
        working = chunk[trace.works(stage)[chunk]]
        if len(working) and working[0] in round_of:
            yield round_of[working[0]], stage_bursts(stage, working, mapped)


def stage_bursts(stage: Stage, tokens: Ints, mapped: Mapped) -> dict[str, int]:
    """Bursts that each streamed layer of ``stage`` takes for a chunk of ``tokens``, by layer id.

    Rows lie one after another, as in the SRAM of their core. Where the chip file fetches `active` rows, these are the
    rows for which any token of the chunk has a spike; a burst that holds one of them is paid whole.
    """
    trace, chip, placement = mapped.trace, mapped.chip, mapped.placement
    layers = [layer_id for layer_id in stage.layers if layer_id in placement.streamed]
    if not layers or chip.dram is None or stage.stream is None:
        return {}
    fires: NDArray[np.bool_] | None = None
    if chip.dram.fetch == "active" and chip.replay == "captured":
        fires = (trace.spike_counts(stage.stream)[tokens] != 0).any(axis=0)
    return {
        layer_id: sum(
            _block_bursts(block, trace.layer_by_id[layer_id], fires, chip, chip.dram)
            for block in placement.of(layer_id)
        )
        for layer_id in layers
    }


def _block_bursts(block: Block, layer: Layer, fires: NDArray[np.bool_] | None, chip: ChipConfig, dram: Dram) -> int:
    row_bits = words_per_row(block.n_cols, layer.weight_bits, chip) * chip.core.sram.word
    if fires is None:
        return ceil_div(block.n_rows * row_bits, dram.burst)
    rows = np.flatnonzero(fires[block.row_start : block.row_stop])
    if not len(rows):
        return 0
    first, last = rows * row_bits // dram.burst, ((rows + 1) * row_bits - 1) // dram.burst
    first[1:] = np.maximum(first[1:], last[:-1] + 1)  # a burst that the row before has brought is not paid again
    return int((last - first + 1).sum())


def load_ps(bursts: Ints, mapped: Mapped) -> Ints:
    """Time of so many bursts, spread evenly over the channels of all chips in use."""
    dram = mapped.chip.dram
    access_ps = 0 if dram is None else dram.access.value
    return ceil_div(bursts, mapped.placement.n_chips) * access_ps
