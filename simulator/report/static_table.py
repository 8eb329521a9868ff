"""Static power of a run: its parts, how much of the time cores and chips are at work, what power gating would give."""

from __future__ import annotations

from typing import Any

from simulator.actions import is_power
from simulator.energy.gating import Gating, static_energy_pj
from simulator.energy.prices import chip_prices, static_power_w
from simulator.report.format import format_energy, format_power, format_share
from simulator.report.run import Run

SHOWN = 3  # parts named in a line
SMALLEST = 0.01  # share of a part that is worth its name


def parts_w(run: Run) -> dict[str, float]:
    """Part -> its power on one chip in W, the largest first; the DRAM where the run uses it."""
    found = {}
    for name, price in chip_prices(run.chip).items():
        if is_power(name) and (name != "static.dram" or run.result.uses_dram):
            found[name.partition(".")[2]] = price.pj_per_count
    return dict(sorted(found.items(), key=lambda part: -part[1]))


def static_dict(run: Run) -> dict[str, Any]:
    """Power in W of one chip and of its parts, shares of the time at work, static energy per token in pJ.

    ``gated_core`` and ``gated_chip`` are what power gating would leave of it; null where the chip file does not say.
    """
    result, chip = run.result, run.chip
    kinds: tuple[Gating, ...] = ("none", "core", "chip")
    energies = [static_energy_pj(result, chip, gating) for gating in kinds]
    none, of_cores, of_chips = (None if pj is None else pj / run.n_tokens for pj in energies)
    return {
        "power_w": static_power_w(chip, result.uses_dram),
        "parts_w": parts_w(run),
        "gating": chip.chip.gating,
        "retention": chip.chip.retention,
        "awake_cores": _share(result.awake_core_ps, result.static_ps * chip.chip.n_cores),
        "awake_chips": _share(result.awake_chip_ps, result.static_ps),
        "energy_per_token_pj": {"none": none, "gated_core": of_cores, "gated_chip": of_chips},
    }


def static_line(run: Run) -> str:
    """The largest parts of the static power, and what power gating would leave of its energy."""
    found = static_dict(run)
    total = found["power_w"]
    shares = {name: watts / total for name, watts in found["parts_w"].items()} if total and run.chip.static else {}
    named = [f"{name} {format_share(share)}" for name, share in shares.items() if share >= SMALLEST]
    parts = f" ({', '.join(named[:SHOWN])})" if named else ""
    per_token = found["energy_per_token_pj"]
    would = {"gated_core": "idle cores", "gated_chip": "idle chips"}
    left = [f"{format_energy(per_token[key])} with {of} off" for key, of in would.items() if per_token[key] is not None]
    awake = format_share(found["awake_cores"])
    return (
        f"static: {format_power(total)} per chip{parts}, cores at work {awake} of the time;"
        f" {format_energy(per_token['none'])} per token without power gating, {', '.join(left)}"
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
