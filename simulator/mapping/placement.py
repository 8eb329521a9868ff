"""The Placement: which block of which layer or stage lives on which core, and where that core is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.mapping.grid import Grid


@dataclass(frozen=True, slots=True)
class Block:
    """The part of a layer, or of the vector of a stage, that is on one core.

    Attributes
    ----------
    core
        Global core number.
    role
        ``layer``: synapses and accumulators of a linear layer. ``home``: the values and encoder neurons of a stage.
    owner
        Layer id or stage id.
    row_start, row_stop
        Inputs (axons) of the layer served here; empty range for a home core.
    col_start, col_stop
        Outputs (neurons) held here; for a home core, the elements of the stage's vector.
    sram_bytes
        Synaptic memory used: by weights, or by the part of a KV cache that is at this home.
    """

    core: int
    role: Literal["layer", "home"]
    owner: str
    row_start: int
    row_stop: int
    col_start: int
    col_stop: int
    sram_bytes: int

    @property
    def n_rows(self) -> int:
        """Inputs (axons in use)."""
        return self.row_stop - self.row_start

    @property
    def n_cols(self) -> int:
        """Outputs (neurons in use)."""
        return self.col_stop - self.col_start


@dataclass(frozen=True)
class Placement:
    """Blocks on cores on a mesh of tiles.

    Attributes
    ----------
    blocks
        In program order. Those of one owner are on cores of rising numbers; a core holds one block, or several with
        `mapping.share_cores` or streamed weights.
    n_chips
        Chips in use.
    chips_x, chips_y
        Grid in which chips tile (the last row may be partly empty; its routers exist and idle).
    grid
        Routers of all these chips, as their links join them.
    core_router
        int64 [cores]: router (y * grid.x + x) of each global core number, for all cores of the chips in use.
    streamed
        Layers whose weights are loaded before each of their stages, by id; the others are resident.
    """

    blocks: tuple[Block, ...]
    n_chips: int
    chips_x: int
    chips_y: int
    grid: Grid
    core_router: NDArray[np.int64]
    streamed: frozenset[str] = frozenset()

    @property
    def cores_total(self) -> int:
        """Cores of all chips in use."""
        return len(self.core_router)

    @cached_property
    def tiles_used(self) -> int:
        """Tiles with at least one block."""
        return len(np.unique(self.core_router[[b.core for b in self.blocks]]))

    @property
    def routers(self) -> int:
        """Routers of the mesh."""
        return self.mesh_x * self.mesh_y

    @property
    def mesh_x(self) -> int:
        """Routers in a row of the whole mesh."""
        return self.grid.x

    @property
    def mesh_y(self) -> int:
        """Routers in a column of the whole mesh."""
        return self.grid.y

    @property
    def tiles_x(self) -> int:
        """Routers in a row of one chip."""
        return self.grid.x // self.chips_x

    @property
    def tiles_y(self) -> int:
        """Routers in a column of one chip."""
        return self.grid.y // self.chips_y

    def chip_of(self, router: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of the chip on which each of these routers stands, chip rows one after another."""
        x, y = self.grid.place(router)
        return y // self.tiles_y * self.chips_x + x // self.tiles_x

    def crosses_chip(self, x: NDArray[np.int64], y: NDArray[np.int64], direction: int) -> NDArray[np.bool_]:
        """Whether the links of routers (x, y) in ``direction`` (0 +x, 1 -x, 2 +y, 3 -y) leave their chip."""
        position, size = (x, self.tiles_x) if direction < 2 else (y, self.tiles_y)
        leaves: NDArray[np.bool_] = position % size == (size - 1 if direction % 2 == 0 else 0)
        return leaves

    def of(self, owner: str) -> tuple[Block, ...]:
        """Blocks of one layer or stage, in core order."""
        return self.by_owner.get(owner, ())

    @cached_property
    def by_owner(self) -> dict[str, tuple[Block, ...]]:
        """Layer or stage -> its blocks, in core order."""
        owners: dict[str, list[Block]] = {}
        for block in self.blocks:
            owners.setdefault(block.owner, []).append(block)
        return {owner: tuple(blocks) for owner, blocks in owners.items()}
