"""Area of a chip, where its file has sources for it, so that a sweep can trade energy and time against silicon."""

from __future__ import annotations

from typing import NamedTuple

from simulator.config.chip import ChipConfig
from simulator.config.price_models import sram_area_mm2


class ChipArea(NamedTuple):
    """Silicon of one chip in mm2: one core without its synaptic memory, that memory, one router, and all of them."""

    core_mm2: float
    sram_mm2: float
    router_mm2: float
    chip_mm2: float


def chip_area(chip: ChipConfig) -> ChipArea | None:
    """Area of ``chip``, or None where its file gives none.

    ``cores x (core + sram) + tiles x router``. The synaptic memory follows its capacity and word by CACTI 7 where the
    file names its cells; otherwise it is part of the core. Pads and what else a die holds are not counted.

    Raises
    ------
    ValueError
        When the memory is outside the table of `simulator.config.price_models`.
    """
    if chip.area is None:
        return None
    cells, sram = chip.area.sram, chip.core.sram
    sram_mm2 = 0.0 if cells is None else sram_area_mm2(sram.capacity, sram.word, cells.node, cells.cell)
    core_mm2 = chip.area.core.value
    router_mm2 = 0.0 if chip.area.router is None else chip.area.router.value
    total = chip.chip.n_cores * (core_mm2 + sram_mm2) + chip.chip.n_tiles * router_mm2
    return ChipArea(core_mm2, sram_mm2, router_mm2, total)
