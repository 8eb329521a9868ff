"""Energy of logic from one process and supply to another: the polynomials of Stillmaker and Baas.

A. Stillmaker and B. Baas, Scaling equations for the accurate prediction of CMOS device performance from 180 nm to 7 nm,
Integration 58:74-81, 2017. They hold for logic; SRAM, wires and DRAM shrink less and do not follow them.
"""

from __future__ import annotations

import math
from itertools import pairwise

# node in nm -> (a, b, c) of the relative energy a V^2 + b V + c
ENERGY: dict[float, tuple[float, float, float]] = {
    130: (7.171, -6.709, 2.904),
    90: (4.762, -4.781, 2.092),
    65: (3.755, -4.398, 1.975),
    45: (1.103, -0.362, 0.2767),
    32: (0.9559, -0.7823, 0.471),
    20: (0.373, -0.1582, 0.04104),
    16: (0.2958, -0.1241, 0.03024),
    14: (0.2363, -0.09675, 0.02239),
    10: (0.2068, -0.09311, 0.02375),
    7: (0.1776, -0.09097, 0.02447),
}
# node in nm -> area of a gate relative to 45 nm; 28, 22 and 12 nm are between their neighbours
AREA: dict[float, float] = {
    130: 6.4,
    90: 2.8,
    65: 1.5,
    45: 1.0,
    32: 0.46,
    28: 0.377,
    22: 0.252,
    20: 0.21,
    16: 0.19,
    14: 0.17,
    12: 0.135,
    10: 0.10,
    7: 0.059,
}
NEWEST, OLDEST = min(ENERGY), max(ENERGY)


def relative_energy(node_nm: float, voltage: float) -> float:
    """Energy of a gate at a node and supply, on the scale of the paper; linear in the node between two of its own.

    Raises
    ------
    ValueError
        With ``found ..., expected ...`` for a node outside 7 to 130 nm or a supply at which the polynomial turns.
    """
    if not NEWEST <= node_nm <= OLDEST:
        raise ValueError(f"found {node_nm:g} nm, expected a node of {NEWEST:g} to {OLDEST:g} nm")
    if not 0.5 <= voltage <= 1.4:
        raise ValueError(f"found {voltage:g} V, expected a supply of 0.5 to 1.4 V")
    nodes = sorted(ENERGY)
    below, above = next(pair for pair in pairwise(nodes) if pair[0] <= node_nm <= pair[1])
    at = (node_nm - below) / (above - below)
    return (1 - at) * _polynomial(below, voltage) + at * _polynomial(above, voltage)


def energy_factor(from_nm: float, from_v: float, to_nm: float, to_v: float) -> float:
    """What the energy of a logic operation is multiplied by from one node and supply to another."""
    return relative_energy(to_nm, to_v) / relative_energy(from_nm, from_v)


def area_factor(from_nm: float, to_nm: float) -> float:
    """What the area of logic is multiplied by from one node to another; log-log between those of the paper."""
    return _relative_area(to_nm) / _relative_area(from_nm)


def _polynomial(node_nm: float, voltage: float) -> float:
    a, b, c = ENERGY[node_nm]
    return a * voltage * voltage + b * voltage + c


def _relative_area(node_nm: float) -> float:
    if not NEWEST <= node_nm <= OLDEST:
        raise ValueError(f"found {node_nm:g} nm, expected a node of {NEWEST:g} to {OLDEST:g} nm")
    return loglog(AREA, node_nm)


def loglog(table: dict[float, float], at: float) -> float:
    """Value of ``table`` at ``at``, on a straight line in logarithms between the two entries around it."""
    if at in table:
        return table[at]
    below, above = next(pair for pair in pairwise(sorted(table)) if pair[0] <= at <= pair[1])
    share = math.log(at / below) / math.log(above / below)
    return math.exp((1 - share) * math.log(table[below]) + share * math.log(table[above]))
