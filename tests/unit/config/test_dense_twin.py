"""The dense twin made from a chip: its multiplier by hand, its tile by its accumulators, all else the chip's own."""

from __future__ import annotations

import pytest
from factories import make_chip

from simulator.config import load_chip
from simulator.config.dense_twin import twin_from
from simulator.errors import ConfigError


@pytest.mark.parametrize("name", ["sdllm-asic-45nm", "sdllm-asic-22nm", "sdllm-asic-7nm"])
def test_the_twin_of_the_asic_is_the_shipped_one(name):
    """Stated in both files: INT8 multiply 0.2 and INT32 add 0.1 pJ, at the node of the chip."""
    made, shipped = (
        chip.model_dump() for chip in (twin_from(load_chip(name)), load_chip(name.replace("sdllm-asic", "dense-int8")))
    )
    energies = [chip["core"]["dendrite"].pop("accumulate")["energy"]["value"] for chip in (made, shipped)]
    assert energies[0] == pytest.approx(energies[1], rel=1e-12)
    for part, key, rounded in (("static", "lanes", 1e-3), ("area", "lane", 3e-3)):  # with an INT8 multiplier each
        lanes = [chip[part].pop(key)["value"] for chip in (made, shipped)]
        assert lanes[0] == pytest.approx(lanes[1], rel=rounded)
    for chip in (made, shipped):
        for key in ("name", "summary", "sources"):
            del chip[key]
    assert made == shipped


def test_a_chip_without_multiplier_gets_one_at_its_node():
    """0.2 pJ x (0.2363 - 0.09675 x 0.75 + ...) of Stillmaker and Baas is 0.098 from 45 nm 0.9 V to 14 nm 0.75 V."""
    chip = load_chip("loihi-like")
    twin = twin_from(chip)
    energy = twin.core.dendrite.accumulate.energy
    factor = (0.2363 * 0.75**2 - 0.09675 * 0.75 + 0.02239) / (1.103 * 0.9**2 - 0.362 * 0.9 + 0.2767)
    assert energy.value == pytest.approx(0.2 * factor)
    assert (twin.technology, twin.chip, twin.noc, twin.memory) == (chip.technology, chip.chip, chip.noc, chip.memory)
    assert energy.source in twin.sources
    assert twin.core.dendrite.accumulate.latency == chip.core.dendrite.accumulate.latency


@pytest.mark.parametrize(("accumulators", "chunk", "tile"), [(None, 1, 1), (None, 8, 1), (256, 8, 4), (1024, 8, 8)])
def test_the_tile_is_what_is_together_and_has_accumulators(accumulators, chunk, tile):
    """64 neurons per core."""
    changes = {"core__dendrite__accumulators_per_core": accumulators, "schedule": {"chunk": chunk}}
    assert twin_from(make_chip(**changes)).core.synapse.tile == tile


def test_a_node_beyond_the_equations_is_refused():
    chip = make_chip(technology={"node_nm": 3, "voltage": 0.7}, core__dendrite__multiply_accumulate=None)
    with pytest.raises(
        ConfigError, match=r"toy: technology: found 3 nm, expected a node of 7 to 130 nm .* name a twin"
    ):
        twin_from(chip)
