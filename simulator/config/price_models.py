"""Prices made from a description: SRAM by capacity, node and cell; DRAM by kind; wires, routers; logic scaled.

The SRAM figures are those of CACTI 7 (``cache type "ram"``, 64-bit port, one read/write port, 350 K, no ECC, objective
of dynamic power, leakage and area); `price_tables` holds them. A chip file asks for them in place of a number;
`simulator.config.described_prices` puts the number there.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.config.price_tables import DRAM, KIB, SRAM, Macro
from simulator.config.techscaling import area_factor, energy_factor, loglog
from simulator.config.works import works

CACTI = f"{works()['cacti2017'].citation}; run with a 64-bit port, 1 read/write port, 350 K, no ECC"
STILLMAKER = works()["stillmaker2017"].citation
LEAST_KIB, MOST_KIB = 0.5, 16384.0  # beyond the rows: power laws for energy, proportion for area and leakage
PORT_BITS = 64
CACTI_KEY = "cacti2017"
WORD_COST = {"read": (1.0, 1.0, 1.0), "write": (2.5, 1.4, 4.6)}
# Supply of CACTI's nodes for the cells used here; the energies below are at it.
NODE_V: dict[float, float] = {45: 1.0, 32: 0.9, 22: 0.8}


POWER_LAWS: dict[tuple[int, str], tuple[float, float]] = {  # pJ per 64-bit read = a x KiB ^ b, fitted to the rows above
    (45, "HP"): (1.194, 0.556),
    (45, "LSTP"): (1.213, 0.596),
    (45, "LOP"): (0.643, 0.571),
    (32, "HP"): (0.614, 0.571),
    (32, "LSTP"): (0.669, 0.608),
    (22, "HP"): (0.295, 0.589),
    (22, "LSTP"): (0.307, 0.612),
    (22, "LOP"): (0.211, 0.589),
}


WIRE_PJ: dict[float, tuple[float, float, float]] = {  # node -> pJ per bit and mm, its low and high (CACTI, repeated)
    45: (0.264, 0.249, 0.438),
    22: (0.163, 0.156, 0.163),
}
ROUTER_PJ: dict[float, tuple[float, float]] = {  # node -> pJ per 64-bit flit: buffers (read, write alike), the rest
    45: (22.7, 3.15),
    32: (12.5, 1.73),
    22: (6.6, 0.85),
}


class Made(NamedTuple):
    """A number made from a description: value and bounds in its unit, grade, what it rests on, its source by key."""

    value: float
    low: float | None
    high: float | None
    grade: str
    note: str
    key: str
    citation: str | None
    unit: str = "pJ"


def sram_energy(capacity_bytes: int, word_bits: int, node_nm: float, cell: str, access: str, per: str) -> Made:
    """Energy of one access of a word, or of one bit of it.

    A word wider than 64 bits is read from as many memories side by side, each with its part of the capacity; a
    narrower one costs the 64-bit access. A write costs 1.4 to 4.6 times a read over all of CACTI's nodes and cells;
    2.5, their geometric mean, is taken. The bounds hold all cells of the node.

    Raises
    ------
    ValueError
        With ``found ..., expected ...`` for a capacity, node or cell that the table does not hold.
    """
    parts, kib = memory_parts(capacity_bytes, word_bits)
    at = nearest_node(node_nm)
    cells = {kind: _read_pj(node, kind, kib) for node, kind in SRAM if node == at}
    if cell not in cells:
        raise ValueError(f"found cell '{cell}' at {at:g} nm, expected one of {', '.join(cells)}")
    scale = _shrink(at, node_nm) * parts / (word_bits if per == "bit" else 1)
    factor, least, most = WORD_COST[access]
    note = f"{parts} x {kib:g} KiB, {at:g} nm {cell}: {parts} x {cells[cell]:.4g} pJ per {PORT_BITS}-bit read"
    note += f", x {factor} for a write" if access == "write" else ""
    note += f", / {word_bits} bit" if per == "bit" else ""
    note += _scaled_note(at, node_nm)
    return Made(
        value=cells[cell] * scale * factor,
        low=min(cells.values()) * scale * least,
        high=max(cells.values()) * scale * most,
        grade=_sram_grade(at, node_nm, access == "read" and KIB[0] <= kib <= KIB[-1]),
        note=note,
        key=CACTI_KEY,
        citation=CACTI,
    )


def _sram_grade(at: float, node_nm: float, in_table: bool) -> str:
    """A row of CACTI; scaled from one; or assumed, below its smallest node: SRAM shrank less than logic there."""
    if node_nm < at:
        return "assumed"
    return "published-model" if at == node_nm and in_table else "scaled"


def sram_area_mm2(capacity_bytes: int, word_bits: int, node_nm: float, cell: str) -> float:
    """Area in mm2 of the memory that `sram_energy` prices; scaled as logic beyond CACTI's nodes."""
    parts, kib = memory_parts(capacity_bytes, word_bits)
    at = nearest_node(node_nm)
    return parts * of_capacity(macro_at(at, cell).area_mm2, kib) * area_factor(at, node_nm)


def dram_energy(kind: str, bits: int) -> Made:
    """Energy of ``bits`` bits over the interface of a DRAM."""
    if kind not in DRAM:
        raise ValueError(f"found DRAM '{kind}', expected one of {', '.join(DRAM)}")
    found = DRAM[kind]
    low, high = (None if bound is None else bound * bits for bound in (found.low_pj, found.high_pj))
    return Made(
        found.bit_pj * bits, low, high, found.grade, f"{kind}, {found.bit_pj:g} pJ/bit", found.key, found.citation
    )


def wire_energy(length_mm: float, bits: int, node_nm: float) -> Made:
    """Energy of a flit of ``bits`` bits, half of them toggling, over repeated wires of CACTI at 45 or 22 nm."""
    at = min(WIRE_PJ, key=lambda node: (abs(node - node_nm), node))
    value, low, high = (pj * length_mm * bits / 2 for pj in WIRE_PJ[at])
    note = f"{bits} wires of {length_mm:g} mm, half of them toggling, {WIRE_PJ[at][0]:g} pJ/bit/mm at {at:g} nm"
    note += "" if at == node_nm else f", taken as it is for {node_nm:g} nm: wires hardly shrink"
    return Made(value, low, high, "published-model" if at == node_nm else "scaled", note, CACTI_KEY, CACTI)


def router_energy(flit_bits: int, node_nm: float) -> Made:
    """Energy of a flit through a 5-port router (buffers, crossbar, arbiters), CACTI's at 64 bits; low is unbuffered."""
    at = min(ROUTER_PJ, key=lambda node: (abs(node - node_nm), node))
    buffers, rest = ROUTER_PJ[at]
    scale = flit_bits / PORT_BITS * _shrink(at, node_nm)
    note = (
        f"buffers {buffers:g} and crossbar with arbiters {rest:g} pJ per 64-bit flit at {at:g} nm, x {flit_bits} / 64"
    )
    grade = "published-model" if at == node_nm and flit_bits == PORT_BITS else "scaled"
    total = (buffers + rest) * scale
    return Made(total, rest * scale, total, grade, note + _scaled_note(at, node_nm), CACTI_KEY, CACTI)


def scaled_energy(value_pj: float, from_nm: float, from_v: float, to_nm: float, to_v: float) -> Made:
    """A published energy of logic at another node and supply."""
    factor = energy_factor(from_nm, from_v, to_nm, to_v)
    note = f"{value_pj:g} pJ at {from_nm:g} nm {from_v:g} V x {factor:.4g} to {to_nm:g} nm {to_v:g} V, logic only"
    return Made(value_pj * factor, None, None, "scaled", note, "stillmaker2017", STILLMAKER)


def _read_pj(node_nm: float, cell: str, kib: float) -> float:
    """Energy of a 64-bit read: the table between its rows, the power law outside them."""
    if KIB[0] <= kib <= KIB[-1]:
        return _between_rows(macro_at(node_nm, cell).read_pj, kib)
    factor, exponent = POWER_LAWS[int(node_nm), cell]
    return float(factor * kib**exponent)


def of_capacity(values: tuple[float, ...], kib: float) -> float:
    """Area or leakage at a capacity: the table between its rows, outside them in proportion to the nearest one."""
    row = min(max(kib, KIB[0]), KIB[-1])
    return _between_rows(values, row) * kib / row


def _between_rows(values: tuple[float, ...], kib: float) -> float:
    return loglog(dict(zip(KIB, values, strict=True)), kib)


def memory_parts(capacity_bytes: int, word_bits: int) -> tuple[int, float]:
    """Memories side by side that make the word, and the KiB of each."""
    parts = -(-word_bits // PORT_BITS)
    kib = capacity_bytes / parts / 1024
    if not LEAST_KIB <= kib <= MOST_KIB:
        raise ValueError(f"found {kib:g} KiB in each of {parts} memories, expected {LEAST_KIB:g} to {MOST_KIB:g} KiB")
    return parts, kib


def macro_at(node_nm: float, cell: str) -> Macro:
    """The memories of one node and cell; ValueError with ``found ..., expected ...`` where there are none."""
    cells = [kind for node, kind in SRAM if node == node_nm]
    if cell not in cells:
        raise ValueError(f"found cell '{cell}' at {node_nm:g} nm, expected one of {', '.join(cells)}")
    return SRAM[int(node_nm), cell]


def nearest_node(node_nm: float) -> float:
    """The node of the table that a node is scaled from: the next larger one, or the largest."""
    nodes = sorted({node for node, _ in SRAM})
    return (
        float(next((node for node in nodes if node >= node_nm), nodes[-1])) if node_nm > nodes[0] else float(nodes[0])
    )


def _shrink(from_nm: float, to_nm: float) -> float:
    """Factor of the energy beyond the table, both nodes at the supply of the table's."""
    if from_nm == to_nm:
        return 1.0
    voltage = NODE_V[from_nm]
    return energy_factor(from_nm, voltage, to_nm, voltage)


def _scaled_note(from_nm: float, to_nm: float) -> str:
    if from_nm == to_nm:
        return ""
    factor, voltage = _shrink(from_nm, to_nm), NODE_V[from_nm]
    return f", x {factor:.4g} to {to_nm:g} nm at {voltage:g} V as logic scales; memories shrink less"
