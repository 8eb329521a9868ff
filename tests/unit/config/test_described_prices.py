"""A described price becomes a number, follows the fields it names, and is refused in one line where it is wrong."""

import pytest
from factories import make_run

from simulator.config import load_chip
from simulator.energy.area import chip_area
from simulator.errors import ConfigError
from simulator.report.run_manifest import manifest_dict

SRAM = "{model: sram, capacity: core.sram.capacity, word: core.sram.word, node: 45 nm, cell: LSTP}"
WORD_READ = "core.synapse.word_read.energy"


def described(text=SRAM, *more, chip="loihi-like"):
    return load_chip(chip, [f"{WORD_READ}={text}", *more])


def test_a_described_price_becomes_a_number_with_source_bounds_and_note():
    price = described().core.synapse.word_read.energy
    assert (price.value, price.low, price.high) == (20.6, 10.0, 20.6)
    assert (price.source, price.grade) == ("cacti2017", "published-model")
    assert "CACTI 7" in described().sources["cacti2017"]
    assert price.model == "model sram, capacity 128 KiB, word 64 bit, node 45 nm, cell LSTP"


def test_it_follows_the_fields_it_names():
    price = described(SRAM, "core.sram.capacity=32 KiB", "chip.static_fixed=true").core.synapse.word_read.energy
    assert price.value == 9.97


def test_a_stated_number_takes_the_place_of_a_description():
    chip = load_chip("loihi-like", [f"{WORD_READ}=7 pJ"])
    assert (chip.core.synapse.word_read.energy.value, chip.core.synapse.word_read.energy.model) == (7.0, None)


def test_a_published_energy_is_scaled_with_its_own_source():
    text = (
        "{model: scaled, energy: 0.4 pJ, high: 0.8 pJ, node: 45 nm, voltage: 0.9, to_node: 14 nm, to_voltage: 0.75,"
        " source: horowitz2014}"
    )
    price = described(text).core.synapse.word_read.energy
    assert price.value == pytest.approx(0.0392, abs=1e-4)
    assert price.high == pytest.approx(2 * price.value)
    assert (price.source, price.grade) == ("horowitz2014", "scaled")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{model: srem}", "model: found 'srem', expected one of sram, dram, wire, router, scaled"),
        (SRAM.replace("cell", "cel"), "cel: found an unknown key, expected one of"),
        (SRAM.replace("45 nm", "45"), "node: found 45 without a unit, expected a length such as '45 nm'"),
        (
            SRAM.replace("core.sram.capacity", "256 B"),
            "found 0.25 KiB in each of 1 memories, expected 0.5 to 16384 KiB",
        ),
    ],
)
def test_a_wrong_description_is_refused_with_its_place(text, words):
    with pytest.raises(ConfigError) as fault:
        described(text)
    assert words in str(fault.value)
    assert "sources" not in str(fault.value)


def test_the_manifest_shows_the_number_it_became():
    run = make_run(chip=described(), allow_uncosted=True)
    made = manifest_dict(run, [])["made_prices"]
    assert made[WORD_READ] == {"model": described().core.synapse.word_read.energy.model, "value_pj": 20.6}
    assert set(made) == {WORD_READ, "memory.read", "memory.write"}


def test_area_follows_the_parts_of_a_chip():
    """Per core: 1 mm2, 4 lanes of 0.1, 1024 x 32 bits of 1 um2, 16 lanes of 0.01, 1 MiB of 3.11 and 8 x 32 KiB of 0.103
    mm2; a router of 0.474 mm2."""
    stated = "source: assumption, grade: assumed, note: for this test"
    area = [
        f"area.core={{value: 1 mm2, {stated}}}",
        f"area.lane={{value: 0.1 mm2, {stated}}}",
        f"area.accumulator_bit={{value: 1 um2, {stated}}}",
        f"area.vector_lane={{value: 0.01 mm2, {stated}}}",
        "core.synapse.lanes=4",
    ]
    found = chip_area(load_chip("sdllm-asic-45nm", area))
    core = 1 + 0.4 + 0.032768 + 0.16 + 3.11
    assert (found.core_mm2, found.sram_mm2) == (pytest.approx(core), pytest.approx(0.824))
    assert found.chip_mm2 == pytest.approx(64 * (core + 0.824 + 0.474))
    larger = chip_area(load_chip("sdllm-asic-45nm", [*area, "core.sram.capacity=512 KiB", "memory.capacity=512 KiB"]))
    assert larger.sram_mm2 == pytest.approx(8 * 0.246)
    assert larger.core_mm2 == pytest.approx(core - 3.11 + 1.71)


@pytest.mark.parametrize("field", ["node", "length"])
def test_a_length_of_nothing_is_refused(field):
    wire = {"model": "wire", "length": "1 mm", "width": "8 bit", "node": "22 nm"} | {field: "0 nm"}
    text = ", ".join(f"{key}: {value}" for key, value in wire.items())
    with pytest.raises(ConfigError, match="found '0 nm', expected a length of more than 0 nm"):
        described(f"{{{text}}}")
