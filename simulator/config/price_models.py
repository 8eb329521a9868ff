"""Prices made from a description: SRAM by capacity, node and cell; DRAM by kind; wires, routers; logic scaled.

The SRAM figures are those of CACTI 7 (``cache type "ram"``, 64-bit port, one read/write port, 350 K, no ECC, objective
of dynamic power, leakage and area). A chip file asks for them in place of a number;
`simulator.config.described_prices` puts the number there.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.config.techscaling import area_factor, energy_factor, loglog

CACTI = (
    "R. Balasubramonian et al., CACTI 7: New Tools for Interconnect Exploration in Innovative Off-Chip Memories, ACM"
    " TACO 14(2):14, 2017; run with a 64-bit port, 1 read/write port, 350 K, no ECC"
)
STILLMAKER = (
    "A. Stillmaker and B. Baas, Scaling equations for the accurate prediction of CMOS device performance from 180 nm to"
    " 7 nm, Integration 58:74-81, 2017"
)
KIB = (2.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0)
LEAST_KIB, MOST_KIB = 0.5, 16384.0  # beyond the rows: power laws for energy, proportion for area and leakage
PORT_BITS = 64
CACTI_KEY = "cacti2017"
WORD_COST = {"read": (1.0, 1.0, 1.0), "write": (2.5, 1.4, 4.6)}
# Supply of CACTI's nodes for the cells used here; the energies below are at it.
NODE_V: dict[float, float] = {45: 1.0, 32: 0.9, 22: 0.8}


class Macro(NamedTuple):
    """One 64-bit SRAM: pJ per read, area in mm2, leakage in mW, each at the capacities of `KIB`."""

    read_pj: tuple[float, ...]
    area_mm2: tuple[float, ...]
    leakage_mw: tuple[float, ...]


SRAM: dict[tuple[int, str], Macro] = {
    (45, "HP"): Macro(
        (1.71, 4.31, 5.80, 8.42, 11.5, 17.7, 21.0, 35.8, 63.0, 90.3),
        (0.0068, 0.0254, 0.0551, 0.103, 0.212, 0.432, 1.01, 1.71, 3.39, 6.21),
        (2.18, 9.62, 19.2, 38.1, 76.2, 152, 259, 605, 986, 1962),
    ),
    (45, "LSTP"): Macro(
        (1.97, 4.00, 6.36, 9.97, 13.4, 20.6, 30.3, 49.4, 78.9, 127),
        (0.0067, 0.0287, 0.0605, 0.103, 0.246, 0.417, 0.845, 1.71, 3.11, 6.21),
        (0.0004, 0.0015, 0.0030, 0.0068, 0.012, 0.027, 0.054, 0.108, 0.202, 0.347),
    ),
    (45, "LOP"): Macro(
        (0.99, 1.94, 2.85, 5.22, 7.06, 10.0, 14.4, 21.6, 36.8, 49.8),
        (0.0067, 0.0288, 0.0606, 0.115, 0.212, 0.499, 0.845, 1.71, 3.39, 6.67),
        (0.157, 0.530, 1.06, 2.41, 4.71, 8.14, 18.6, 37.1, 58.6, 117),
    ),
    (32, "HP"): Macro(
        (0.92, 1.87, 3.24, 4.82, 6.56, 9.65, 11.9, 20.4, 35.3, 51.0),
        (0.0034, 0.0146, 0.0279, 0.052, 0.108, 0.253, 0.513, 0.863, 1.72, 3.14),
        (0.74, 2.79, 6.45, 12.7, 25.5, 43.6, 85.6, 202, 323, 641),
    ),
    (32, "LSTP"): Macro(
        (1.08, 2.24, 3.55, 5.80, 7.66, 13.6, 17.3, 27.8, 52.0, 70.5),
        (0.0034, 0.0145, 0.0306, 0.052, 0.124, 0.252, 0.427, 0.862, 1.65, 3.14),
        (0.0005, 0.0019, 0.0038, 0.0088, 0.015, 0.030, 0.070, 0.140, 0.210, 0.441),
    ),
    (22, "HP"): Macro(
        (0.45, 0.96, 1.47, 2.40, 3.02, 5.08, 7.26, 13.4, 18.4, 25.2),
        (0.0016, 0.0069, 0.0145, 0.030, 0.059, 0.119, 0.202, 0.407, 0.810, 1.59),
        (0.31, 1.21, 2.42, 4.83, 9.50, 19.0, 44.9, 70.4, 141, 281),
    ),
    (22, "LSTP"): Macro(
        (0.48, 1.02, 1.59, 2.78, 3.46, 6.00, 11.3, 12.7, 21.8, 31.6),
        (0.0016, 0.0069, 0.0144, 0.025, 0.059, 0.119, 0.206, 0.407, 0.809, 1.54),
        (0.0015, 0.0056, 0.011, 0.026, 0.044, 0.087, 0.159, 0.410, 0.638, 1.20),
    ),
    (22, "LOP"): Macro(
        (0.31, 0.76, 0.97, 1.62, 2.50, 3.52, 5.49, 9.41, 12.8, 17.4),
        (0.0016, 0.0080, 0.0144, 0.030, 0.051, 0.119, 0.221, 0.407, 0.809, 1.59),
        (0.43, 1.73, 3.35, 6.70, 15.6, 26.3, 62.3, 97.7, 195, 390),
    ),
}
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


class Dram(NamedTuple):
    """Energy of one bit over the interface of a DRAM, in pJ, with its citation."""

    bit_pj: float
    low_pj: float | None
    high_pj: float | None
    grade: str
    key: str
    citation: str


OCONNOR = "M. O'Connor et al., Fine-Grained DRAM, MICRO 2017"
DRAM: dict[str, Dram] = {
    "HBM2": Dram(
        3.92,
        None,
        None,
        "published-model",
        "oconnor2017",
        OCONNOR + ", Table 3: activate 1.21, data 2.24, I/O 0.30 pJ/bit",
    ),
    "HBM2E": Dram(
        4.3, None, None, "published-model", "hynix2023", "SK hynix, IEDM 2023, as summarized by secondary texts"
    ),
    "HBM3E": Dram(
        3.44, None, None, "published-model", "hynix2023", "SK hynix, IEDM 2023, as summarized by secondary texts"
    ),
    "GDDR5": Dram(14.0, None, None, "published-model", "oconnor2017", OCONNOR + ", as summarized by secondary texts"),
    "LPDDR4": Dram(
        8.0,
        None,
        45.0,
        "published-model",
        "accelergy2019",
        "Accelergy's CACTI DRAM table, 2019; MICRO 2012 has 28 to 45",
    ),
    "LPDDR5": Dram(7.0, None, None, "published-model", "aif2023", "AiF, 2023, as summarized by secondary texts"),
    "DDR-45nm": Dram(
        20.3,
        None,
        40.6,
        "published-model",
        "horowitz2014",
        "M. Horowitz, ISSCC 2014: 1.3 to 2.6 nJ for 64 bits of DRAM",
    ),
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
        grade="published-model" if at == node_nm and access == "read" and KIB[0] <= kib <= KIB[-1] else "scaled",
        note=note,
        key=CACTI_KEY,
        citation=CACTI,
    )


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
    voltage = NODE_V.get(from_nm, 0.9)
    return energy_factor(from_nm, voltage, to_nm, voltage)


def _scaled_note(from_nm: float, to_nm: float) -> str:
    if from_nm == to_nm:
        return ""
    factor, voltage = _shrink(from_nm, to_nm), NODE_V.get(from_nm, 0.9)
    return f", x {factor:.4g} to {to_nm:g} nm at {voltage:g} V as logic scales; memories shrink less"
