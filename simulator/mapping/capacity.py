"""What one core of a chip can hold, and how a layer must be cut to fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.config.chip import ChipConfig
from simulator.errors import CapacityError
from simulator.trace.trace_program import Layer

ROW_FACTORS = (1, 2, 4)  # how much further than its axons ask the mapper cuts the inputs of a layer
N = TypeVar("N", int, NDArray[np.int64])  # one number, or one for each block


@dataclass(frozen=True)
class Cut:
    """How a layer is cut into a grid of blocks.

    Attributes
    ----------
    row_parts, col_parts
        Blocks along the inputs and along the outputs. More than one row part means partial sums that travel.
    """

    row_parts: int
    col_parts: int

    @property
    def n_blocks(self) -> int:
        """Cores the layer takes."""
        return self.row_parts * self.col_parts


def widened(cut: Cut, n_cores: int, layer: Layer, chip: ChipConfig) -> Cut:
    """``cut`` in at least ``n_cores`` blocks: its outputs are cut further, or first its inputs under `by_input`."""
    sizes = [layer.n_in, layer.n_out]
    parts = [cut.row_parts, cut.col_parts]
    for side in (0, 1) if chip.mapping.strategy == "by_input" else (1, 0):
        parts[side] = min(sizes[side], max(parts[side], ceil_div(n_cores, parts[1 - side])))
    return Cut(*parts)


def ceil_div(a: N, b: N | int) -> N:
    """Smallest integer not below a/b, or such an array."""
    return -(-a // b)


def words_per_row(n_cols: N, weight_bits: N, chip: ChipConfig) -> N:
    """SRAM words that hold the weights of one input to ``n_cols`` outputs (a row starts at a word)."""
    return ceil_div(n_cols * weight_bits, chip.core.sram.word)


def block_sram_bytes(n_rows: int, n_cols: int, weight_bits: int, chip: ChipConfig) -> int:
    """Synaptic memory of a block, whole words per row."""
    return ceil_div(n_rows * words_per_row(n_cols, weight_bits, chip) * chip.core.sram.word, 8)


def slices(weight_bits: N, chip: ChipConfig) -> N:
    """Native synapses that one weight takes: a weight wider than a synapse is held in several."""
    return ceil_div(weight_bits, chip.core.synapse.weight_bits)


def part_size(total: int, parts: int) -> int:
    """Largest part when ``total`` is cut as evenly as possible."""
    return ceil_div(total, parts)


def cols_that_fit(n_rows: N, layer: Layer, chip: ChipConfig) -> N:
    """Most outputs whose weights from ``n_rows`` inputs fit one core, within its neuron limit; 0 when none does."""
    words = 8 * chip.core.sram.capacity // (n_rows * chip.core.sram.word)
    cols: N = np.minimum(words * chip.core.sram.word // layer.weight_bits, chip.core.limits.neurons)
    return cols


def rows_that_fit(n_cols: int, layer: Layer, chip: ChipConfig) -> int:
    """Most inputs whose weights to ``n_cols`` outputs fit one core, within its axon limit; 0 when none does."""
    words = 8 * chip.core.sram.capacity // chip.core.sram.word
    return min(words // words_per_row(n_cols, layer.weight_bits, chip), chip.core.limits.axons_in)


def nothing_fits(layer: Layer, chip: ChipConfig) -> CapacityError:
    """The fault of a core that cannot hold one synapse of a layer."""
    demand = block_sram_bytes(1, 1, layer.weight_bits, chip)
    bound = chip.core.sram.capacity
    return CapacityError(
        f"{chip.name}: layer {layer.layer_id}: one synapse needs {demand} B of a core's SRAM, limit {bound} B"
        f" ({demand - bound} B over); raise core.sram.capacity or make core.sram.word smaller"
    )
