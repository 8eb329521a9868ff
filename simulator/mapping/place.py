"""From a trace and a chip to Mapped: partition, blocks on cores, cores on a mesh of chips in a near square."""

from __future__ import annotations

import math

import numpy as np

from simulator.arrays import Ints
from simulator.config.chip import ChipConfig
from simulator.errors import CapacityError
from simulator.mapping.capacity import ceil_div
from simulator.mapping.chip_edges import passed_on
from simulator.mapping.chip_widths import chip_widths
from simulator.mapping.mapped import Mapped
from simulator.mapping.op_parts import split_ops
from simulator.mapping.partition import least_cores, partition
from simulator.mapping.placement import Block, Placement
from simulator.mapping.placements import PLACEMENTS
from simulator.mapping.placements.site import Site
from simulator.mapping.replayed import as_replayed
from simulator.mapping.scheduled import as_scheduled
from simulator.mapping.sharing import assign
from simulator.mapping.traffic import traffic
from simulator.mapping.widths import Widths
from simulator.trace.trace import Trace

MOST_CORES = 1 << 22  # of all chips: a simulation of more takes tens of gigabytes


def map_trace(trace: Trace, chip: ChipConfig, widths: Widths | None = None) -> Mapped:
    """Partition and place the program of ``trace`` on as many chips as it takes, as `mapping` of the chip file says.

    The trace is served as `schedule.logits` says, and in sequence where stages share cores (`as_scheduled`). What
    ``widths`` does not name is as wide as the chip file says.

    Raises
    ------
    CapacityError
        When a limit of the chip file cannot be met: demand, bound, gap and what would help.
    ConfigError
        When the chip cannot replay the code of the trace (`replayed.as_replayed`), or widths do not fit its program
        (`chip_widths`, `op_parts`).
    """
    chip = as_scheduled(with_shared_cores(chip) if widths is not None and widths.share_cores else chip)
    trace = as_replayed(trace.served(chip.schedule.logits), chip)
    trace, widths = split_ops(trace, (widths or Widths()).over(chip_widths(trace, chip)))
    _chips(least_cores(trace, chip, widths), chip)
    blocks = assign(partition(trace, chip, widths), chip, passed_on(trace).tolist(), apart=widths.share_cores)
    return Mapped.at(trace, chip, place_blocks(trace, blocks, chip))


def with_shared_cores(chip: ChipConfig) -> ChipConfig:
    """``chip``, whose stages share cores."""
    return chip.model_copy(update={"mapping": chip.mapping.model_copy(update={"share_cores": True})})


def place_blocks(trace: Trace, blocks: tuple[Block, ...], chip: ChipConfig) -> Placement:
    """Blocks that have their core numbers, on the mesh of as many chips as these take.

    Raises
    ------
    CapacityError
        When the chip file allows fewer chips.
    """
    cores = 1 + max(block.core for block in blocks)
    n_chips = _chips(cores, chip)
    chips_x = math.isqrt(n_chips - 1) + 1
    chips_y = ceil_div(n_chips, chips_x)
    site = Site(chip, n_chips, chips_x, lambda: traffic(trace, blocks, chip), _on_one_chip(trace, blocks, chip))
    return Placement(
        blocks=blocks,
        n_chips=n_chips,
        chips_x=chips_x,
        chips_y=chips_y,
        grid=site.grid,
        core_router=PLACEMENTS[chip.mapping.placement](site),
        streamed=frozenset(trace.layer_by_id) if chip.mapping.weights == "streamed" else frozenset(),
    )


def _on_one_chip(trace: Trace, blocks: tuple[Block, ...], chip: ChipConfig) -> Ints:
    """Cores with a block of a stage that lies on one chip as a whole."""
    cores_of: dict[str, set[int]] = {}
    for block in blocks:
        cores_of.setdefault(trace.stage_of[block.owner].stage_id, set()).add(block.core)
    whole = [cores for cores in cores_of.values() if len({core // chip.chip.n_cores for core in cores}) == 1]
    return np.array(sorted(set().union(*whole)), np.int64)


def _chips(cores: int, chip: ChipConfig) -> int:
    """Chips that so many cores take; raises CapacityError when the chip file allows fewer."""
    n_chips = ceil_div(cores, chip.chip.n_cores)
    if n_chips > chip.chip.max_chips:
        bound = chip.chip.max_chips * chip.chip.n_cores
        raise CapacityError(
            f"{chip.name}: the trace needs {cores} cores, limit {bound} on {chip.chip.max_chips} chip(s)"
            f" ({cores - bound} cores over); raise chip.max_chips to {n_chips}, core.sram.capacity or core.limits"
            f"{_or_stream(chip)}"
        )
    if (total := n_chips * chip.chip.n_cores) > MOST_CORES:
        raise CapacityError(
            f"{chip.name}: the trace needs {n_chips} chip(s) of {total} cores in all, of which a simulation can hold"
            f" {MOST_CORES} ({total - MOST_CORES} over); raise core.sram.capacity or core.limits, or make chips smaller"
        )
    return n_chips


def _or_stream(chip: ChipConfig) -> str:
    """What else helps against too many cores, where the chip could do it."""
    can = chip.dram is not None and chip.mapping.weights == "resident"
    return ", or set mapping.weights to streamed" if can else ""
