"""Area of a chip, where its file has sources for it, so that a sweep can trade energy and time against silicon."""

from __future__ import annotations

from typing import NamedTuple

from simulator.config.chip import Area, ChipConfig, SramArea
from simulator.config.price_models import sram_area_mm2
from simulator.energy.static_parts import accumulators


class ChipArea(NamedTuple):
    """Silicon of one chip in mm2: one core without its synaptic memory, that memory, one router, and all of them."""

    core_mm2: float
    sram_mm2: float
    router_mm2: float
    chip_mm2: float


def chip_area(chip: ChipConfig) -> ChipArea | None:
    """Area of ``chip``, or None where its file gives none.

    ``cores x (core + sram) + tiles x router``, where a core has its lanes, accumulators and vector unit with memory as
    far as the file gives them. A memory follows its capacity and word by CACTI 7 where the file names its cells;
    otherwise it is part of the core. Pads and what else a die holds are not counted.

    Raises
    ------
    ValueError
        When a memory is outside the table of `simulator.config.price_models`.
    """
    if chip.area is None:
        return None
    area, core = chip.area, chip.core
    sram_mm2 = _memory(area.sram, core.sram.capacity, core.sram.word)
    core_mm2 = (
        area.core.value
        + core.synapse.lanes * _each(area.lane)
        + accumulators(chip) * core.dendrite.accumulator_bits * _each(area.accumulator_bit)
        + chip.vector.lanes * _each(area.vector_lane)
        + _memory(area.memory, chip.memory.capacity or 0, chip.memory.word)
    )
    router_mm2 = _each(area.router)
    total = chip.chip.n_cores * (core_mm2 + sram_mm2) + chip.chip.n_tiles * router_mm2
    return ChipArea(core_mm2, sram_mm2, router_mm2, total)


def _each(area: Area | None) -> float:
    return 0.0 if area is None else area.value


def _memory(cells: SramArea | None, capacity_bytes: int, word_bits: int) -> float:
    return 0.0 if cells is None else sram_area_mm2(capacity_bytes, word_bits, cells.node, cells.cell)
