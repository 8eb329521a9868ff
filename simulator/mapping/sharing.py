"""Blocks on cores: one block each, or as many as a core can hold (time multiplexing of layers).

Cores are numbered in the order in which blocks take them. The blocks of one owner are on cores of rising numbers, and
no core is home to a stage and driven by its spikes: in a stage a core either sends or receives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.config.chip import ChipConfig
from simulator.mapping.partition import Part
from simulator.mapping.placement import Block


def assign(stages: Sequence[Sequence[Part]], chip: ChipConfig) -> tuple[Block, ...]:
    """The parts of all stages on cores, as `mapping.share_cores` of the chip file wants it."""
    parts = [part for stage in stages for part in stage]
    cores = _packed(stages, chip) if chip.mapping.share_cores else range(len(parts))
    return tuple(Block(core, *part) for core, part in zip(cores, parts, strict=True))


class _Room:
    """What is left on each of ``n`` cores: SRAM bytes, axons in, neurons."""

    def __init__(self, n: int, chip: ChipConfig) -> None:
        limits = chip.core.limits
        self._left = np.tile(np.array([chip.core.sram.capacity, limits.axons_in, limits.neurons], np.int64), (n, 1))
        self._used = 0  # cores from the first on that hold something; the one after them is empty

    def take(self, part: Part, first: int, barred: Sequence[int] = ()) -> int:
        """Put ``part`` on the first core from ``first`` on with room for it that is not ``barred``; returns it."""
        needs = np.array([part.sram_bytes, part.row_stop - part.row_start, part.col_stop - part.col_start], np.int64)
        first = min(first, self._used)
        fits = np.all(self._left[first : self._used + 1] >= needs, axis=1)
        fits[[core - first for core in barred if core >= first]] = False
        core = first + int(np.argmax(fits))
        self._left[core] -= needs
        self._used = max(self._used, core + 1)
        return core


def _packed(stages: Sequence[Sequence[Part]], chip: ChipConfig) -> list[int]:
    """Each block on the first core with room for it, after the block of its owner before it."""
    room = _Room(1 + sum(map(len, stages)), chip)
    cores: list[int] = []
    for stage in stages:
        homes: list[int] = []
        owner, last = "", 0
        for part in stage:
            if part.role == "home":
                homes.append(room.take(part, homes[-1] + 1 if homes else 0))
                cores.append(homes[-1])
            else:
                last = room.take(part, last if part.owner == owner else 0, homes)
                owner = part.owner
                cores.append(last)
    return cores
