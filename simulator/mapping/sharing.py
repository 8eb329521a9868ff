"""Blocks on cores: one block each, or as many as a core can hold, or stage after stage on the same cores.

Cores are numbered in the order in which blocks take them. The blocks of one owner are on cores of rising numbers, and
no home core of a stage is driven by its spikes: in a stage a core either sends or receives. A stage that fits a
chip lies on one chip, unless the chips that the chip file allows cannot hold whole stages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.mapping.chip_edges import first_cores
from simulator.mapping.partition import Part
from simulator.mapping.placement import Block

Stages = Sequence[Sequence[Part]]


def assign(
    stages: Stages, chip: ChipConfig, passed: Sequence[int] | None = None, apart: bool = False
) -> tuple[Block, ...]:
    """The parts of all stages on cores, as `mapping` of the chip file says; ``passed``: see `first_cores`.

    Where cores are shared, those of one stage are kept ``apart``: on a core each, as far as there is room.
    """
    whole = partial(_whole_stages, passed=passed)
    orders: tuple[Callable[[Stages, ChipConfig], list[int]], ...] = (whole, _gapless)
    if chip.mapping.weights == "streamed":
        orders = (_stage_by_stage,)
    elif chip.mapping.share_cores:
        orders = (partial(_packed_on_chips, apart=apart), _packed)
    allowed = chip.chip.max_chips * chip.chip.n_cores
    cores: list[int] = []
    for place in orders:
        cores = place(stages, chip)
        if max(cores) < allowed:
            break
    parts = [part for stage in stages for part in stage]
    return tuple(Block(core, *part) for core, part in zip(cores, parts, strict=True))


def _gapless(stages: Stages, chip: ChipConfig) -> list[int]:
    """A core for each part, one after another."""
    return list(range(sum(map(len, stages))))


def _whole_stages(stages: Stages, chip: ChipConfig, passed: Sequence[int] | None = None) -> list[int]:
    """A core for each part; a stage that does not fit the rest of a chip begins on the next."""
    firsts = first_cores([len(stage) for stage in stages], chip.chip.n_cores, passed)
    return [first + i for first, stage in zip(firsts[:-1], stages, strict=True) for i in range(len(stage))]


class _Room:
    """What is left on each core: SRAM bytes, axons in, neurons, axons out."""

    def __init__(self, chip: ChipConfig) -> None:
        limits = chip.core.limits
        axons_out = np.iinfo(np.int64).max if limits.axons_out is None else limits.axons_out
        self._empty = np.array([chip.core.sram.capacity, limits.axons_in, limits.neurons, axons_out], np.int64)
        self._left = np.empty((0, 4), np.int64)  # of the cores up to the last that holds something
        self._multicast = chip.noc.multicast

    @property
    def used(self) -> int:
        """Cores from the first to the last that holds something."""
        return len(self._left)

    def stage(
        self, parts: Sequence[Part], first: int = 0, n_cores: int | None = None, apart: bool = False
    ) -> list[int]:
        """Put the parts of a stage on the ``n_cores`` cores from ``first`` on, each on the first of them with room.

        ``apart``: on the first that has none of the stage yet, where there is one. No core behind these may be in use.
        Returns nothing, and takes no room, where the parts do not fit.
        """
        begun = self._left[first:]
        new = len(parts) if n_cores is None else min(len(parts), n_cores - len(begun))
        left = np.vstack([begun, np.tile(self._empty, (new, 1))])
        copies = sum(part.role != "home" and part.row_start == 0 for part in parts)  # of a spike of the stage
        cores = _cores_in(left, parts, apart, min(copies, 1) if self._multicast else copies)
        if cores:
            skipped = np.tile(self._empty, (max(0, first - self.used), 1))
            self._left = np.vstack([self._left[:first], skipped, left[: max(max(cores) + 1, len(begun))]])
        return [first + core for core in cores]


def _cores_in(left: Ints, parts: Sequence[Part], apart: bool, copies: int) -> list[int]:
    """A core for each part of a stage, after the one of its owner before it; what it takes goes from ``left``.

    A neuron of the home cores takes ``copies`` axons out.
    """
    cores: list[int] = []
    homes: list[int] = []
    owner, start = "", 0
    for part in parts:
        start = start if part.owner == owner else 0
        n_cols, barred = part.col_stop - part.col_start, [] if part.role == "home" else homes
        axons_out = n_cols * copies if part.role == "home" else 0
        needs = np.array([part.sram_bytes, part.row_stop - part.row_start, n_cols, axons_out], np.int64)
        core = _take(left, needs, start, cores if apart else barred)
        if core is None and apart:
            core = _take(left, needs, start, barred)
        if core is None:
            return []
        if part.role == "home":
            homes.append(core)
        owner, start = part.owner, core + (part.role == "home")
        cores.append(core)
    return cores


def _take(left: Ints, needs: Ints, start: int, barred: Sequence[int]) -> int | None:
    """Put a part on the first core from ``start`` on with room for it that is not ``barred``; None without any."""
    fits = np.all(left[start:] >= needs, axis=1)
    fits[[core - start for core in barred if core >= start]] = False
    if not fits.any():
        return None
    core = start + int(np.argmax(fits))
    left[core] -= needs
    return core


def _packed(stages: Stages, chip: ChipConfig) -> list[int]:
    """Each block on the first core with room for it, after the block of its owner before it."""
    room = _Room(chip)
    return [core for stage in stages for core in room.stage(stage)]


def _packed_on_chips(stages: Stages, chip: ChipConfig, apart: bool) -> list[int]:
    """The same within the chip that was begun last; a stage that it has no room for begins on the next.

    One that is larger than a chip goes on over as many as it takes, from the chip that was begun last.
    """
    room, per_chip = _Room(chip), chip.chip.n_cores
    cores: list[int] = []
    for stage in stages:
        begun = max(0, room.used - 1) // per_chip * per_chip
        following = -(-room.used // per_chip) * per_chip
        on_chip = room.stage(stage, begun, per_chip, apart) or room.stage(stage, following, per_chip, apart)
        cores += on_chip or room.stage(stage, begun)
    return cores


def _stage_by_stage(stages: Stages, chip: ChipConfig) -> list[int]:
    """Every stage on the same cores, first those of home cores, then those of layers: what it held before has gone.

    Where the most home cores and the most blocks do not fit one chip together, the blocks of a stage that does follow
    its own home cores.
    """
    n_homes = [sum(part.role == "home" for part in stage) for stage in stages]
    most = max(n_homes)
    beyond = most + max(len(stage) - n for stage, n in zip(stages, n_homes, strict=True)) > chip.chip.n_cores
    cores: list[int] = []
    for stage, n in zip(stages, n_homes, strict=True):
        first = n if beyond and len(stage) <= chip.chip.n_cores else most
        cores += [*range(n), *range(first, first + len(stage) - n)]
    return cores
