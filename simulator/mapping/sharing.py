"""Blocks on cores: one block each, or as many as a core can hold, or stage after stage on the same cores.

Cores are numbered in the order in which blocks take them. The blocks of one owner are on cores of rising numbers, and
no core is home to a stage and driven by its spikes: in a stage a core either sends or receives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.config.chip import ChipConfig
from simulator.mapping.partition import Part
from simulator.mapping.placement import Block


def assign(stages: Sequence[Sequence[Part]], chip: ChipConfig, *, whole_stages: bool = False) -> tuple[Block, ...]:
    """The parts of all stages on cores, as `mapping` of the chip file wants it.

    ``whole_stages``: a stage with a core for each part begins on a new chip rather than lie on two.
    """
    parts = [part for stage in stages for part in stage]
    cores: Sequence[int] = range(len(parts))
    if chip.mapping.weights == "streamed":
        cores = _stage_by_stage(stages)
    elif chip.mapping.share_cores:
        cores = _packed(stages, chip)
    elif whole_stages:
        cores = _chip_by_chip(stages, chip.chip.n_cores)
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


def first_cores(sizes: Sequence[int], per_chip: int) -> list[int]:
    """First core of each stage of so many cores in program order, and the core behind the last.

    A stage straddles two chips only where it is larger than one.
    """
    firsts, used = [], 0
    for n in sizes:
        left = -used % per_chip
        if left < n <= per_chip:
            used += left
        firsts.append(used)
        used += n
    return [*firsts, used]


def _chip_by_chip(stages: Sequence[Sequence[Part]], per_chip: int) -> list[int]:
    """A core for each part, whole stages on whole chips."""
    firsts = first_cores([len(stage) for stage in stages], per_chip)
    return [first + i for first, stage in zip(firsts[:-1], stages, strict=True) for i in range(len(stage))]


def _stage_by_stage(stages: Sequence[Sequence[Part]]) -> list[int]:
    """Every stage on the same cores, first those of homes, then those of layers: what it held before has gone."""
    homes = max(sum(part.role == "home" for part in stage) for stage in stages)
    cores: list[int] = []
    for stage in stages:
        n_homes = sum(part.role == "home" for part in stage)
        cores += [*range(n_homes), *range(homes, homes + len(stage) - n_homes)]
    return cores
