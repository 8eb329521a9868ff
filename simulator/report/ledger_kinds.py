"""The ledger by kind of layer: counts and energies of every action, layers of one kind summed over the blocks."""

from __future__ import annotations

import math
from typing import TypedDict

from simulator.energy.ledger import EnergyLedger
from simulator.report.tables import split_block


class KindAction(TypedDict):
    """One action of one kind of layer, over the whole trace."""

    count: int
    energy_pj: float


def by_kind(ledger: EnergyLedger) -> dict[str, dict[str, KindAction]]:
    """Kind (``q``, ``softmax``, ``chip``) -> ``component.action`` -> count and energy in pJ, in program order."""
    rows = ledger.rows
    keys = [split_block(owner)[1] for owner in rows["owner"]], list(rows["component"] + "." + rows["action"])
    counts: dict[tuple[str, str], list[int]] = {}
    energies: dict[tuple[str, str], list[float]] = {}
    for kind, action, count, energy in zip(*keys, rows["count"], rows["energy_pj"], strict=True):
        counts.setdefault((kind, action), []).append(int(count))
        energies.setdefault((kind, action), []).append(float(energy))
    found: dict[str, dict[str, KindAction]] = {}
    for (kind, action), numbers in counts.items():
        energy = math.fsum(energies[kind, action])
        found.setdefault(kind, {})[action] = {"count": sum(numbers), "energy_pj": energy}
    return found
