"""Numbers made from descriptions: the table of CACTI runs, its power laws, and scaling, by hand."""

import math

import pytest

from simulator.config.price_models import (
    POWER_LAWS,
    dram_energy,
    router_energy,
    scaled_energy,
    sram_area_mm2,
    sram_energy,
    wire_energy,
)
from simulator.config.price_tables import KIB, SRAM
from simulator.config.techscaling import area_factor, energy_factor

READ = {"access": "read", "per": "word"}


def test_a_row_of_the_table_is_what_it_says():
    made = sram_energy(128 * 1024, 64, 45, "LSTP", **READ)
    assert (made.value, made.grade, made.key) == (20.6, "published-model", "cacti2017")
    assert (made.low, made.high) == (10.0, 20.6)  # LOP and LSTP cells of the node


def test_a_wide_word_is_read_from_memories_side_by_side():
    """512 bits of 256 KiB are 8 memories of 32 KiB: 8 x 9.97 pJ, the price of the shipped 45 nm chip."""
    assert sram_energy(256 * 1024, 512, 45, "LSTP", **READ).value == pytest.approx(79.76, rel=1e-12)
    assert sram_energy(256 * 1024, 512, 45, "LSTP", "read", "bit").value == pytest.approx(79.76 / 512, rel=1e-12)


def test_between_two_rows_the_line_is_straight_in_logarithms():
    """181.02 KiB is half way between 128 and 256: sqrt(20.6 x 30.3) pJ."""
    half_way = round(128 * 1024 * math.sqrt(2))
    assert sram_energy(half_way, 64, 45, "LSTP", **READ).value == pytest.approx(math.sqrt(20.6 * 30.3), rel=1e-5)


def test_a_write_costs_what_cactis_range_says():
    read, write = (sram_energy(8192, 64, 45, "HP", access, "word") for access in ("read", "write"))
    assert write.value == 2.5 * read.value
    assert (write.low, write.high) == (pytest.approx(1.4 * 1.94), pytest.approx(4.6 * 4.31))
    assert write.grade == "scaled"


@pytest.mark.parametrize("kind", SRAM, ids=str)
def test_the_published_power_laws_fit_the_table(kind):
    """a x KiB^b of each node and cell is within 25 % of every row, and on average within 12 %."""
    a, b = POWER_LAWS[kind]
    errors = [abs(a * kib**b / pj - 1) for kib, pj in zip(KIB, SRAM[kind].read_pj, strict=True)]
    assert max(errors) < 0.25
    assert sum(errors) / len(errors) < 0.12


def test_above_the_table_the_power_law_holds_and_the_grade_says_so():
    made = sram_energy(8192 * 1024, 64, 22, "LOP", **READ)
    assert (made.value, made.grade) == (pytest.approx(0.211 * 8192**0.589), "scaled")
    assert sram_area_mm2(4096 * 1024, 64, 22, "LOP") == pytest.approx(2 * 1.59)


def test_area():
    assert sram_area_mm2(1024 * 1024, 64, 45, "LSTP") == 3.11
    assert sram_area_mm2(256 * 1024, 512, 45, "LSTP") == pytest.approx(8 * 0.103)


def test_beyond_22_nm_memories_are_scaled_as_logic_and_say_so():
    made = sram_energy(128 * 1024, 64, 14, "LSTP", **READ)
    assert made.value == pytest.approx(6.00 * energy_factor(22, 0.8, 14, 0.8), rel=1e-12)
    assert made.grade == "assumed"
    assert "memories shrink less" in made.note


@pytest.mark.parametrize(
    ("to", "factor"),
    [(130, 3.17), (90, 1.95), (65, 1.25), (32, 0.641), (28, 0.507), (22, 0.305), (14, 0.150), (7, 0.102)],
)
def test_stillmaker_baas_2017_energy_at_0v9_against_the_tabulated_factors(to, factor):
    assert energy_factor(45, 0.9, to, 0.9) == pytest.approx(factor, rel=0.01)


@pytest.mark.parametrize(("node", "volt", "factor"), [(14, 0.75, 0.098), (7, 0.7, 0.057), (65, 1.1, 1.99)])
def test_stillmaker_baas_2017_energy_at_own_supply(node, volt, factor):
    assert energy_factor(45, 0.9, node, volt) == pytest.approx(factor, rel=0.02)


def test_stillmaker_baas_2017_area():
    assert area_factor(45, 14) == 0.17
    assert area_factor(14, 7) == pytest.approx(0.059 / 0.17)


def test_scaled_energy_by_hand():
    """FP16 add 0.4 pJ: E(45, 0.9) = 0.84433, E(14, 0.75) = 0.08275, so 0.0392 pJ, as in the shipped Loihi file."""
    assert scaled_energy(0.4, 45, 0.9, 14, 0.75).value == pytest.approx(0.0392, abs=1e-4)


def test_dram_wire_and_router():
    assert dram_energy("HBM2", 512).value == pytest.approx(512 * 3.92)
    assert dram_energy("DDR-45nm", 1).high == 40.6
    assert wire_energy(1.2, 64, 45).value == pytest.approx(0.264 * 1.2 * 32)  # the wires of the shipped 45 nm chip
    router = router_energy(64, 45)
    assert (router.low, router.value) == (pytest.approx(3.15), pytest.approx(25.85))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((256, 64, 45, "LSTP"), "found 0.25 KiB in each of 1 memories, expected 0.5 to 16384 KiB"),
        ((8192, 64, 32, "LOP"), "found cell 'LOP' at 32 nm, expected one of HP, LSTP"),
        ((8192, 64, 5, "LSTP"), "found 5 nm, expected a node of 7 to 130 nm"),
    ],
)
def test_what_the_table_does_not_hold_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        sram_energy(*arguments, **READ)


def test_the_table_of_cacti_is_whole():
    """Every node and cell has a figure at every capacity; a capacity costs more, takes more and leaks more."""
    cells = {45: ("HP", "LSTP", "LOP"), 32: ("HP", "LSTP"), 22: ("HP", "LSTP", "LOP")}
    assert set(SRAM) == {(node, cell) for node, of_node in cells.items() for cell in of_node}
    for macro in SRAM.values():
        for column in macro:
            assert len(column) == len(KIB)
            assert list(column) == sorted(column)
