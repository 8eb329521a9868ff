"""The dense twin of a chip, made from the chip itself: a multiplier next to each adder, and nothing else."""

from __future__ import annotations

from typing import TypeVar

from simulator.config.chip import Areas, ChipConfig, Static
from simulator.config.price_models import STILLMAKER, scaled_energy
from simulator.config.provenance import Action, Price
from simulator.config.works import works
from simulator.errors import ConfigError

# INT8 multiply, M. Horowitz, Computing's Energy Problem, ISSCC 2014, at 45 nm and 0.9 V.
MULTIPLY_PJ, NODE_NM, VOLTAGE = 0.2, 45.0, 0.9
# Units of 32 bits at 1 GHz in 40 nm, Y. S. Shao et al., Aladdin, ISCA 2014; multipliers grow with their width squared.
ADDER_UM2, MULTIPLIER_UM2 = 278.0, 6351.0 * (8 / 32) ** 2
HOROWITZ = f"{works()['horowitz2014'].citation} (45 nm, 0.9 V)"


def twin_from(chip: ChipConfig) -> ChipConfig:
    """A dense chip with the node, memories, network and schedule of ``chip``; its multipliers leak and take area.

    Every activation is sent once, as one integer. Its accumulate is the chip's own multiply-accumulate; a chip without
    any gets an INT8 multiply at its node and supply on top of its accumulate. Its tile is the largest that its chunk
    and its accumulators allow.

    Raises
    ------
    ConfigError
        When the node or the supply of the chip is outside the scaling equations.
    """
    core = chip.core
    synapse = core.synapse.model_copy(update={"reuse": "none", "tile": _tile(chip)})
    dendrite = core.dendrite.model_copy(update={"accumulate": _multiply_accumulate(chip)})
    return chip.model_copy(
        update={
            "name": f"{chip.name}-dense",
            "summary": f"Dense twin made from {chip.name}: every activation once, through a multiplier",
            "sources": {"horowitz2014": HOROWITZ, "stillmaker2017": STILLMAKER} | chip.sources,
            "replay": "dense",
            "static": _with_multipliers(chip.static, "lanes"),
            "area": _with_multipliers(chip.area, "lane"),
            "core": core.model_copy(update={"synapse": synapse, "dendrite": dendrite}),
        }
    )


Part = TypeVar("Part", Static, Areas)


def _with_multipliers(parts: Part | None, lanes: str) -> Part | None:
    """``parts`` with a multiplier next to the adder of each lane, as large as it is by the units of Aladdin.

    One figure for the whole chip stays: nobody knows what share of it the lanes have.
    """
    lane = None if parts is None else getattr(parts, lanes)
    if parts is None or lane is None:
        return parts
    factor = (ADDER_UM2 + MULTIPLIER_UM2) / ADDER_UM2
    scaled = {name: factor * getattr(lane, name) for name in ("value", "low", "high") if getattr(lane, name, None)}
    note = f"{lanes} of the chip x {factor:.3g}: an INT8 multiplier of {MULTIPLIER_UM2:.0f} um2 next to an adder of"
    note += f" {ADDER_UM2:.0f} um2 (Y. S. Shao et al., Aladdin, ISCA 2014)"
    own = (
        {"grade": "scaled", "note": note, "model": None}
        if isinstance(parts, Static)
        else {"grade": "scaled", "note": note}
    )
    return parts.model_copy(update={lanes: lane.model_copy(update=scaled | own)})


def _tile(chip: ChipConfig) -> int:
    """Tokens whose sums the accumulators hold, of those that are together."""
    neurons = chip.core.limits.neurons
    accumulators = chip.core.dendrite.accumulators_per_core or neurons
    return max(1, min(chip.schedule.together, accumulators // neurons))


def _multiply_accumulate(chip: ChipConfig) -> Action:
    """What the twin does for each weight."""
    own, dendrite = chip.core.dendrite.multiply_accumulate, chip.core.dendrite
    if own is not None and own.energy.included_in != "dendrite.accumulate":
        return own
    node, voltage = chip.technology.node_nm, chip.technology.voltage or VOLTAGE
    try:
        made = scaled_energy(MULTIPLY_PJ, NODE_NM, VOLTAGE, node, voltage)
    except ValueError as error:
        raise ConfigError(
            [f"{chip.name}: technology: {error} for a twin made from the chip; name a twin (--dense-twin NAME)"]
        ) from None
    add = dendrite.accumulate.energy
    low, high = (None if bound is None else _text(bound + made.value) for bound in (add.low, add.high))
    contained = f"the add is in {add.included_in}" if add.value is None else f"and its accumulate of {add.value:g} pJ"
    fields = {
        "value": _text((add.value or 0.0) + made.value),
        "low": low,
        "high": high,
        "source": "horowitz2014",
        "grade": "scaled",
        "note": f"INT8 multiply, {made.note} (stillmaker2017); {contained}",
    }
    return dendrite.accumulate.model_copy(update={"energy": Price.model_validate(fields)})


def _text(energy_pj: float) -> str:
    return f"{energy_pj!r} pJ"
