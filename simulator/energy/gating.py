"""What switching idle cores or chips off would leave of the static energy of a run; nothing is simulated again."""

from __future__ import annotations

import math
from typing import Literal

from simulator.config.chip import ChipConfig
from simulator.energy.prices import find_price
from simulator.energy.static_parts import static_rows
from simulator.engine.result import SimResult

Gating = Literal["none", "core", "chip"]


def static_energy_pj(result: SimResult, chip: ChipConfig, gating: Gating) -> float | None:
    """Static energy of a run in pJ under one kind of power gating, with the chip's `retention`.

    None for ``core`` on a chip whose static power is one figure: it does not say what the cores draw.
    """
    if gating == "core" and chip.static is None:
        return None
    gated = chip.model_copy(update={"chip": chip.chip.model_copy(update={"gating": gating})})
    rows = static_rows(result, gated)
    prices = [find_price(gated, f"{row.component}.{row.action}") for row in rows]
    return math.fsum(price.energy_pj(row.count) for price, row in zip(prices, rows, strict=True) if price is not None)
