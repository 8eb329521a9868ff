import math

import pytest
from factories import make_chip, make_dram

from simulator.actions import ACTIONS
from simulator.energy.prices import chip_prices, find_price

# Where each action's number stands in the chip file, written out here a second time.
PLACES = {
    "axon_in.lookup": "core.axon_in.lookup.energy",
    "synapse.word_read": "core.synapse.word_read.energy",
    "synapse.synop": "core.synapse.synop.energy",
    "dendrite.accumulate": "core.dendrite.accumulate.energy",
    "dendrite.multiply_accumulate": "core.dendrite.multiply_accumulate.energy",
    "dendrite.reduce": "core.dendrite.reduce.energy",
    "dendrite.accumulator_read": "core.dendrite.accumulator_read.energy",
    "dendrite.accumulator_write": "core.dendrite.accumulator_write.energy",
    "soma.update": "core.soma.update.energy",
    "soma.update_idle": "core.soma.update_idle.energy",
    "soma.fire": "core.soma.fire.energy",
    "axon_out.packet": "core.axon_out.packet.energy",
    "noc.hop_x": "noc.hop_x",
    "noc.hop_y": "noc.hop_y",
    "noc.local": "noc.local",
    "noc.chip_hop": "noc.chip_link.hop",
    "vector.add": "vector.add.energy",
    "vector.mul": "vector.mul.energy",
    "vector.mac": "vector.mac.energy",
    "vector.compare": "vector.compare.energy",
    "vector.exp": "vector.exp.energy",
    "vector.div": "vector.div.energy",
    "memory.read": "memory.read",
    "memory.write": "memory.write",
    "dram.read": "dram.read",
    "dram.write": "dram.write",
    "sram.read": "core.sram.read.energy",
    "sram.write": "core.sram.write.energy",
    "sync.barrier": "sync.barrier.energy",
    "static.power": "chip.static_power",
    "static.core": "static.core",
    "static.lanes": "static.lanes",
    "static.sram": "static.sram",
    "static.accumulators": "static.accumulators",
    "static.vector": "static.vector",
    "static.memory": "static.memory",
    "static.router": "static.router",
    "static.dram": "static.dram",
    "static.base": "static.base",
}
# Of which the toy chip has several: 8 tiles of 2 cores, 4 lanes and 64 accumulators of 24 bits, 2 vector lanes.
OF_A_CHIP = {
    "static.core": 16,
    "static.lanes": 64,
    "static.sram": 16,
    "static.accumulators": 24576,
    "static.vector": 32,
    "static.memory": 16,
    "static.router": 8,
}


def test_each_action_takes_the_number_at_its_place():
    """Every place holds another number, so that no two can be swapped unseen."""
    changes, expected = {"dram": make_dram()}, {}
    parts = {name: place for name, place in PLACES.items() if place.startswith("static.")}
    for i, (name, place) in enumerate(PLACES.items(), start=1):
        unit = "mW" if name.startswith("static.") else "pJ"
        record = {"value": f"{i} {unit}", "source": "toy", "grade": "assumed"}
        if name in parts:
            changes.setdefault("static", {})[place.partition(".")[2]] = record
        else:
            changes[place.replace(".", "__")] = record
        expected[name] = OF_A_CHIP.get(name, 1) * i / 1000 if unit == "mW" else float(i)
    of_parts = changes.pop("static")
    whole = chip_prices(make_chip(**changes))
    del changes["chip__static_power"]
    prices = chip_prices(make_chip(chip__static_power=None, static=of_parts, **changes)) | whole
    assert {name: price.pj_per_count for name, price in prices.items()} == pytest.approx(expected)
    assert {name: price.path for name, price in prices.items()} == PLACES
    assert {name: action.place for name, action in ACTIONS.items()} == PLACES


def test_a_price_carries_its_bounds_source_and_grade():
    price = find_price(make_chip(), "noc.local")
    assert (price.pj_per_count, price.low_pj_per_count, price.high_pj_per_count) == (1.7, 1.0, 2.0)
    assert (price.source, price.grade, price.included_in) == ("davies", "pre-silicon", None)
    assert price.energy_pj(10) == 17.0


def test_a_price_included_elsewhere_costs_nothing_and_says_where():
    price = find_price(make_chip(), "synapse.synop")
    assert math.isnan(price.pj_per_count)
    assert price.energy_pj(1000) == 0.0
    assert price.source == "included in dendrite.accumulate"


def test_no_price_for_an_unknown_action_or_an_absent_part():
    assert find_price(make_chip(), "synapse.plasticity") is None
    chip = make_chip(noc__chip_link=None, chip__max_chips=1)
    assert find_price(chip, "noc.chip_hop") is None
    assert "noc.chip_hop" not in chip_prices(chip)
