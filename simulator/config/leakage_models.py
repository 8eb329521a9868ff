"""Leakage made from a description: of a memory by CACTI 7, of logic by its area as the memory of the same cells leaks.

One die has one class of transistors. Taking its memories from one table and its logic from another mixes classes that
differ by orders of magnitude: at 45 nm CACTI's HP cells leak 4,900 times what its LSTP cells do. Logic therefore leaks
per area what a memory of 1 MiB of the named cells leaks per area.
"""

from __future__ import annotations

from simulator.config.price_models import CACTI, CACTI_KEY, Made, macro_at, memory_parts, nearest_node, of_capacity
from simulator.config.provenance import Grade
from simulator.config.techscaling import area_factor

MIB = 1024.0  # KiB
# Measured low-power silicon of 28 nm over CACTI's LSTP cells between its rows of 32 and 22 nm (0.244 mW/mm2): the floor
# of TrueNorth, 42 mW at 0.70 V over 430 mm2 (Merolla 2014), and 27.3 uW of ODIN over 0.086 mm2 (Frenkel 2019).
SILICON_OVER_LSTP = (0.401, 1.302)


def sram_leakage(capacity_bytes: int, word_bits: int, node_nm: float, cell: str) -> Made:
    """Leakage of a memory in W; its word is made by memories of 64 bits side by side.

    Below the smallest node of the table a memory leaks as much as there: its transistors shrink, their leakage hardly.

    Raises
    ------
    ValueError
        With ``found ..., expected ...`` for a capacity, node or cell that the table does not hold.
    """
    parts, kib = memory_parts(capacity_bytes, word_bits)
    at = nearest_node(node_nm)
    milliwatts = of_capacity(macro_at(at, cell).leakage_mw, kib)
    note = f"{parts} x {kib:g} KiB, {at:g} nm {cell}: {parts} x {milliwatts * 1e3:.4g} uW at 350 K"
    return _made(parts * milliwatts * 1e-3, "published-model", note, node_nm, at, cell)


def logic_leakage(area_mm2: float, area_nm: float, node_nm: float, cell: str) -> Made:
    """Leakage of logic in W whose area is known at ``area_nm``, on a die of ``node_nm`` with cells of one class."""
    at = nearest_node(node_nm)
    macro = macro_at(at, cell)
    milliwatts_per_mm2 = of_capacity(macro.leakage_mw, MIB) / of_capacity(macro.area_mm2, MIB)
    area = area_mm2 * area_factor(area_nm, at)
    note = f"{area * 1e6:.4g} um2 at {at:g} nm x {milliwatts_per_mm2:.3g} nW/um2 of 1 MiB of {cell} cells at 350 K"
    return _made(area * milliwatts_per_mm2 * 1e-3, "scaled", note, node_nm, at, cell)


def _made(watts: float, grade: Grade, note: str, node_nm: float, at_nm: float, cell: str) -> Made:
    """A power with the bounds that silicon gives low-power cells; other cells have none."""
    low, high = (watts * factor if cell == "LSTP" else None for factor in SILICON_OVER_LSTP)
    note += "" if at_nm == node_nm else f", taken as it is for {node_nm:g} nm"
    return Made(watts, low, high, grade if at_nm == node_nm else "assumed", note, CACTI_KEY, CACTI, "W")
