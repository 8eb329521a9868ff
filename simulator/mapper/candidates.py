"""Widths to try for a stage: number of its home cores, blocks of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import ROW_FACTORS, Cut, ceil_div, cols_that_fit
from simulator.mapping.placement import Block
from simulator.mapping.strategies import cut_layer
from simulator.trace.trace_program import Layer, Stage

HOMES = (1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 36, 48, 64, 72, 96)
HEAD_HOMES = (128, 192, 256, 384, 512, 768, 1024)  # of a stage that drives no layer, for a dense head
COLUMNS = (1024, 768, 512, 384, 256, 192, 128, 96, 64, 48, 32, 24, 16)
FINE_COLUMNS = (320, 224, 160, 112, 88, 80, 72, 56, 40, 36, 28, 20)  # so that the stages of a block fill a chip


@dataclass(frozen=True)
class Candidates:
    """C candidate cuts of one stage with L layers.

    Attributes
    ----------
    homes
        int64 [C]: home cores.
    row_parts, col_parts
        int64 [C, L]: blocks of each layer along its inputs and outputs.
    """

    homes: Ints
    row_parts: Ints
    col_parts: Ints

    def __len__(self) -> int:
        return len(self.homes)

    @property
    def blocks(self) -> Ints:
        """Blocks of all layers, int64 [C]."""
        total: Ints = (self.row_parts * self.col_parts).sum(axis=1)
        return total

    @property
    def cores(self) -> Ints:
        """Cores of the stage with one block on each, int64 [C]."""
        return self.homes + self.blocks

    def some(self, which: NDArray[np.bool_]) -> Candidates:
        """The candidates for which bool [C] holds."""
        return Candidates(self.homes[which], self.row_parts[which], self.col_parts[which])

    def cuts(self, chosen: int) -> tuple[Cut, ...]:
        """The cut of each layer in one of the candidates."""
        rows, cols = self.row_parts[chosen].tolist(), self.col_parts[chosen].tolist()
        return tuple(Cut(r, c) for r, c in zip(rows, cols, strict=True))


def placed(homes: int, blocks_of: Sequence[Sequence[Block]]) -> Candidates:
    """The one candidate that a placement has chosen; ``blocks_of`` are the blocks of each layer of the stage."""
    rows = [len({block.row_start for block in blocks}) for blocks in blocks_of]
    cols = [len({block.col_start for block in blocks}) for blocks in blocks_of]
    shape = (1, len(blocks_of))
    return Candidates(
        np.array([homes]),
        np.array(rows, np.int64).reshape(shape),
        np.array(cols, np.int64).reshape(shape),
    )


def candidates(
    stage: Stage, layers: Sequence[Layer], least_homes: int, chip: ChipConfig, fine: bool = False
) -> Candidates:
    """Every width worth trying: home cores x columns of a block x row parts, each cut as far as a core's memory asks.

    ``fine`` adds columns: where stages take turns, each trades its time against cores, while in a pipeline all need the
    time of the slowest. Where some fit one chip, those that drive layers from two are left out: their spikes wait for
    the link.
    """
    homes = _up_to(HOMES if layers else HOMES + HEAD_HOMES, least_homes, stage.width)
    cuts = _cuts(layers, chip, COLUMNS + FINE_COLUMNS if fine else COLUMNS)
    grid = np.array([(h, c) for h in homes for c in range(len(cuts))], dtype=np.int64)
    of_cut = np.array(cuts, dtype=np.int64).reshape(len(cuts), len(layers), 2)[grid[:, 1]]
    found = Candidates(grid[:, 0], of_cut[:, :, 0], of_cut[:, :, 1])
    if not layers:
        return found
    found = _with_axons(found, stage, chip)
    return found.some(found.cores <= max(chip.chip.n_cores, int(found.cores.min())))


def _with_axons(found: Candidates, stage: Stage, chip: ChipConfig) -> Candidates:
    """The candidates with as many home cores as their axons out ask for, without those that no core has axons for."""
    bound = chip.core.limits.axons_out
    targets = np.ones_like(found.homes) if chip.noc.multicast else found.col_parts.sum(axis=1)
    if bound is None or (targets > bound).all():
        return found
    homes = np.maximum(found.homes, ceil_div(stage.width, np.maximum(bound // targets, 1)))
    return replace(found, homes=homes).some(targets <= bound)


def _up_to(values: Sequence[int], least: int, most: int) -> list[int]:
    """``values`` from ``least`` to ``most``, both included."""
    return sorted({least, *(value for value in values if least <= value <= most)})


def _cuts(layers: Sequence[Layer], chip: ChipConfig, widths: Sequence[int]) -> list[tuple[tuple[int, int], ...]]:
    """Different cuts of all layers of a stage: one width of blocks for all, no wider than memory allows."""
    if not layers:
        return [()]
    own = tuple((cut.row_parts, cut.col_parts) for cut in (cut_layer(layer, chip) for layer in layers))
    found = {own: None}
    for factor in ROW_FACTORS:
        for columns in widths:
            cut = tuple(_cut(layer, columns, factor, chip) for layer in layers)
            found[cut] = None
    return list(found)


def _cut(layer: Layer, columns: int, factor: int, chip: ChipConfig) -> tuple[int, int]:
    """Row and column parts of a layer in blocks of at most ``columns`` outputs, its inputs in ``factor`` parts more."""
    row_parts = min(layer.n_in, factor * ceil_div(layer.n_in, chip.core.limits.axons_in))
    while (most := int(cols_that_fit(ceil_div(layer.n_in, row_parts), layer, chip))) == 0:
        row_parts = min(2 * row_parts, layer.n_in)
    return row_parts, ceil_div(layer.n_out, min(columns, most, layer.n_out))
