"""Static power by part: how many of a part a chip has, and for how long they draw their power."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simulator.actions import ACTIONS, STATIC, record_at
from simulator.config.chip import ChipConfig
from simulator.engine.result import CHIP, CountRow, SimResult


class Part(NamedTuple):
    """A part that leaks.

    Attributes
    ----------
    count
        How many of it one chip has.
    each
        What its figure in the chip file is of.
    of
        What it belongs to and is switched off with: ``core``, ``chip``, or ``board``, which never is.
    """

    count: Callable[[ChipConfig], int]
    each: str
    of: str = "core"


def accumulators(chip: ChipConfig) -> int:
    """Accumulators of a core: those provided, by default one per neuron."""
    return chip.core.dendrite.accumulators_per_core or chip.core.limits.neurons


PARTS: dict[str, Part] = {
    "static.power": Part(lambda chip: 1, "chip", "chip"),
    "static.core": Part(lambda chip: chip.chip.n_cores, "core"),
    "static.lanes": Part(lambda chip: chip.chip.n_cores * chip.core.synapse.lanes, "lane"),
    "static.sram": Part(lambda chip: chip.chip.n_cores, "core"),
    "static.accumulators": Part(
        lambda chip: chip.chip.n_cores * accumulators(chip) * chip.core.dendrite.accumulator_bits, "bit"
    ),
    "static.vector": Part(lambda chip: chip.chip.n_cores * chip.vector.lanes, "lane"),
    "static.memory": Part(lambda chip: chip.chip.n_cores, "core"),
    "static.router": Part(lambda chip: chip.chip.n_tiles, "tile", "chip"),
    "static.dram": Part(lambda chip: 1, "chip", "board"),
    "static.base": Part(lambda chip: 1, "chip", "board"),
}


def static_names(chip: ChipConfig) -> tuple[str, ...]:
    """``component.action`` of everything that draws static power on ``chip``."""
    return tuple(name for name in PARTS if record_at(chip, ACTIONS[name].path) is not None)


def static_rows(result: SimResult, chip: ChipConfig) -> tuple[CountRow, ...]:
    """Chip-picoseconds of each part at its full power, one row for each part of ``chip``.

    A part that is switched off draws `chip.retention` of its power, so its time counts by that share, rounded to whole
    picoseconds. The DRAM counts where the run uses it.
    """
    return tuple(
        CountRow(CHIP, STATIC, name.partition(".")[2], _powered_ps(result, chip, PARTS[name].of))
        for name in static_names(chip)
        if name != "static.dram" or result.uses_dram
    )


def awake_ps(result: SimResult, chip: ChipConfig, gating: str) -> int:
    """Chip-picoseconds in which a core (or chip) is at work: a stage that uses it works on a token."""
    if gating == "chip":
        return result.awake_chip_ps
    n_cores = chip.chip.n_cores
    return (2 * result.awake_core_ps + n_cores) // (2 * n_cores)


def _powered_ps(result: SimResult, chip: ChipConfig, of: str) -> int:
    """Chip-picoseconds at full power of a part of a core, a chip or the board."""
    gating = chip.chip.gating
    if gating == "none" or of == "board" or (gating == "core" and of == "chip"):
        return result.static_ps
    awake = awake_ps(result, chip, gating)
    return awake + round(chip.chip.retention * (result.static_ps - awake))
