"""Leakage from a description: memories by CACTI 7, logic as the memories of its class of cells, checked on silicon."""

import pytest

from simulator.config import load_chip
from simulator.config.leakage_models import logic_leakage, sram_leakage
from simulator.config.price_models import sram_energy
from simulator.config.techscaling import loglog
from simulator.errors import ConfigError

STATIC = "static.sram={{model: leakage, {}, node: 45 nm, cell: LSTP}}"


def test_a_memory_leaks_what_its_parts_leak():
    """CACTI 7, 45 nm LSTP: 6.8 uW for 32 KiB; 512 bits are eight of them."""
    assert sram_leakage(256 << 10, 512, 45, "LSTP").value == pytest.approx(8 * 6.8e-6)
    assert sram_leakage(1 << 20, 64, 22, "HP").value == pytest.approx(0.141)


def test_logic_leaks_per_area_what_1_mib_leaks():
    """0.202 mW over 3.11 mm2; from 40 to 45 nm an area grows by 1.308 (Stillmaker and Baas, log-log)."""
    assert logic_leakage(0.1, 45, 45, "LSTP").value == pytest.approx(0.1 * 0.202e-3 / 3.11)
    assert logic_leakage(0.1, 40, 45, "LSTP").value == pytest.approx(0.1 * 0.202e-3 / 3.11 * 1.3077, rel=1e-4)


def test_leakage_of_cells_of_low_standby_power_is_that_of_silicon_within_its_bounds():
    """TrueNorth, 42 mW without activity at 0.70 V over 4.3 cm2 (Merolla 2014, Akopyan 2015); ODIN, 27.3 uW over 0.086
    mm2 (Frenkel 2019). Both 28 nm; CACTI 7 has 32 and 22 nm."""
    per_mm2 = {node: sram_leakage(1 << 20, 64, node, "LSTP") for node in (32, 22)}
    area = {32: 1.65, 22: 0.809}
    low, high = (
        loglog({node: getattr(made, end) / area[node] for node, made in per_mm2.items()}, 28) for end in ("low", "high")
    )
    assert low == pytest.approx(42e-3 / 430, rel=0.01)
    assert high == pytest.approx(27.3e-6 / 0.086, rel=0.01)


def test_below_the_smallest_node_a_memory_leaks_as_there_and_that_is_assumed():
    made, table = sram_leakage(64 << 10, 64, 7, "LSTP"), sram_leakage(64 << 10, 64, 22, "LSTP")
    assert (made.value, made.grade, table.grade) == (table.value, "assumed", "published-model")
    assert logic_leakage(0.1, 22, 7, "LSTP").value == logic_leakage(0.1, 22, 22, "LSTP").value


def test_only_cells_of_low_standby_power_have_bounds_by_silicon():
    """TrueNorth and ODIN over CACTI's LSTP cells: x 0.401 and x 1.302."""
    made = sram_leakage(64 << 10, 64, 45, "LSTP")
    assert (made.low, made.high, made.unit) == (0.401 * made.value, 1.302 * made.value, "W")
    assert (sram_leakage(64 << 10, 64, 45, "HP").low, logic_leakage(1.0, 45, 45, "HP").high) == (None, None)


def test_the_note_says_how_a_leakage_was_made_and_only_between_nodes_that_it_is_taken_as_it_is():
    at, between = (sram_leakage(256 << 10, 512, node, "LSTP") for node in (45, 40))
    assert at.note == "8 x 32 KiB, 45 nm LSTP: 8 x 6.8 uW at 350 K"
    assert between.note == f"{at.note}, taken as it is for 40 nm"
    assert (at.value, at.grade, between.grade) == (between.value, "published-model", "assumed")
    logic = logic_leakage(0.1, 45, 45, "LSTP")
    assert logic.note == "1e+05 um2 at 45 nm x 0.065 nW/um2 of 1 MiB of LSTP cells at 350 K"
    assert (logic.grade, logic_leakage(0.1, 45, 40, "LSTP").grade) == ("scaled", "assumed")


def test_the_figure_follows_the_fields_that_it_names():
    chip = load_chip("sdllm-asic-45nm", ["core.sram.capacity=512 KiB"])
    assert chip.static.sram.value == pytest.approx(8 * 12e-6)  # 64 KiB each
    assert "8 x 64 KiB" in chip.static.sram.note


@pytest.mark.parametrize(
    "fields",
    ["capacity: 1 KiB", "word: 64 bit", "area: 1 mm2, word: 64 bit", "capacity: 1 KiB, word: 64 bit, area: 1 mm2"],
)
def test_a_memory_or_logic_and_nothing_between(fields):
    with pytest.raises(ConfigError, match="expected `capacity` and `word`, or `area`"):
        load_chip("sdllm-asic-45nm", [STATIC.format(fields)])


def test_a_power_is_no_energy():
    with pytest.raises(ConfigError, match=r"found .* W', which is a power, expected an energy"):
        load_chip("loihi-like", ["noc.hop_x={model: leakage, area: 1 mm2, node: 45 nm, cell: LSTP}"])


@pytest.mark.parametrize("name", ["sdllm-asic-45nm", "sdllm-asic-22nm", "sdllm-asic-7nm", "dense-int8-45nm"])
def test_a_die_has_one_class_of_cells(name):
    described = [part.model for _, part in load_chip(name).static if part is not None and part.model is not None]
    assert len(described) == 7
    assert all(model.endswith("cell LSTP") or "cell LSTP," in model for model in described)


ANCHORED = (
    "{{model: sram, energy: 2 pJ, at: 64 KiB, source: horowitz2014, capacity: {}, word: 64 bit, node: 45 nm,"
    " cell: LSTP}}"
)


def test_a_published_energy_of_one_capacity_is_scaled_to_another():
    """CACTI 7, 45 nm LSTP: 13.4 pJ at 64 KiB, 20.6 at 128 KiB."""
    at, larger = (
        load_chip("loihi-like", [f"core.synapse.word_read.energy={ANCHORED.format(kib)}"]).core.synapse.word_read.energy
        for kib in ("64 KiB", "128 KiB")
    )
    assert (at.value, at.grade, at.source) == (2.0, "published-model", "horowitz2014")
    assert (larger.value, larger.grade) == (pytest.approx(2 * 20.6 / 13.4), "scaled")
    assert larger.note == "2 pJ at 64 KiB x 1.537 to 128 KiB, as CACTI 7 has it for LSTP"
    assert at.note.startswith("2 pJ at 64 KiB x 1 to 64 KiB")


def test_bounds_of_a_published_energy_are_scaled_with_it():
    text = ANCHORED.format("128 KiB").replace("energy: 2 pJ", "energy: 2 pJ, low: 1 pJ, high: 5 pJ")
    price = load_chip("loihi-like", [f"core.synapse.word_read.energy={text}"]).core.synapse.word_read.energy
    assert (price.low, price.high) == (pytest.approx(price.value / 2), pytest.approx(2.5 * price.value))


def test_half_a_published_energy_is_refused():
    with pytest.raises(ConfigError, match="found energy and at, expected energy, at and source together"):
        load_chip("loihi-like", [f"noc.hop_x={ANCHORED.format('64 KiB').replace('source: horowitz2014, ', '')}"])


def test_memory_of_the_asic_follows_its_capacity():
    smaller = load_chip("sdllm-asic-45nm", ["memory.capacity=64 KiB"])
    ratio = (
        sram_energy(64 << 10, 64, 45, "LSTP", "read", "bit").value
        / sram_energy(1 << 20, 64, 45, "LSTP", "read", "bit").value
    )
    assert smaller.memory.read.value == pytest.approx(100 / 64 * ratio)


def test_leakage_outside_the_nodes_of_the_table_is_noted_and_assumed():
    inside, outside = (sram_leakage(16 * 1024, 128, node, "LSTP") for node in (22, 7))
    assert "taken as it is" not in inside.note
    assert outside.note.endswith("taken as it is for 7 nm")
    assert outside.grade == "assumed" != inside.grade
