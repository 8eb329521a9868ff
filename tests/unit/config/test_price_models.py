"""Numbers made from descriptions: the table of CACTI runs, its power laws, and scaling, by hand."""

import math

import pytest

from simulator.config.price_models import (
    POWER_LAWS,
    dram_energy,
    memory_parts,
    nearest_node,
    of_capacity,
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


@pytest.mark.parametrize(
    ("node", "at", "pj"),
    [(45, 45, (0.264, 0.249, 0.438)), (34, 45, (0.264, 0.249, 0.438)), (33, 22, (0.163, 0.156, 0.163))],
)
def test_a_wire_is_that_of_the_nearest_node_of_cacti(node, at, pj):
    """pJ per bit and mm of repeated wires, half of 64 bits toggling over 2 mm; CACTI 7 has 45 and 22 nm."""
    made = wire_energy(2.0, 64, node)
    assert (made.value, made.low, made.high) == pytest.approx([64 * each for each in pj])
    assert made.grade == ("published-model" if node == at else "scaled")
    assert ("taken as it is" in made.note) == (node != at)
    assert f"{pj[0]:g} pJ/bit/mm at {at} nm" in made.note


def test_half_way_between_two_nodes_a_wire_is_that_of_the_smaller_one():
    assert wire_energy(1.0, 2, 33.5).value == 0.163


@pytest.mark.parametrize(("node", "buffers", "rest"), [(45, 22.7, 3.15), (32, 12.5, 1.73), (22, 6.6, 0.85)])
def test_a_router_by_its_parts(node, buffers, rest):
    """CACTI's five ports, 64-bit flits: the buffers, and 2.24 + 0.91, 1.26 + 0.47, 0.62 + 0.23 of the rest."""
    made = router_energy(64, node)
    assert (made.low, made.value, made.high) == (rest, pytest.approx(buffers + rest), pytest.approx(buffers + rest))
    assert made.grade == "published-model"
    wide = router_energy(128, node)
    assert (wide.low, wide.value, wide.grade) == (2 * rest, pytest.approx(2 * (buffers + rest)), "scaled")


def test_a_router_between_nodes_is_scaled_from_the_nearest():
    made = router_energy(64, 40)
    assert made.value == pytest.approx(25.85 * energy_factor(45, 1.0, 40, 1.0))
    assert made.grade == "scaled"
    assert "to 40 nm at 1 V as logic scales" in made.note


@pytest.mark.parametrize(
    ("node", "at"), [(130, 45), (46, 45), (45, 45), (33, 45), (32, 32), (23, 32), (22, 22), (21, 22), (7, 22)]
)
def test_a_memory_is_scaled_from_the_next_larger_node_of_the_table(node, at):
    """Supplies of CACTI's nodes: 1.0, 0.9 and 0.8 V."""
    assert nearest_node(node) == at
    volt = {45: 1.0, 32: 0.9, 22: 0.8}[at]
    made, row = (sram_energy(65_536, 64, n, "LSTP", **READ) for n in (node, at))
    factor = 1 if node == at else energy_factor(at, volt, node, volt)
    assert (made.value, made.low, made.high) == pytest.approx(
        [factor * each for each in (row.value, row.low, row.high)]
    )
    grades = dict.fromkeys((130, 46), "scaled") | dict.fromkeys((45, 32, 22), "published-model")
    assert made.grade == (grades | dict.fromkeys((21, 7), "assumed")).get(node, made.grade)
    assert sram_area_mm2(65_536, 64, node, "LSTP") == pytest.approx(
        sram_area_mm2(65_536, 64, at, "LSTP") * area_factor(at, node)
    )


def test_parts_of_a_memory_and_the_least_and_most_that_each_holds():
    assert memory_parts(4096, 64) == (1, 4.0)
    assert memory_parts(4096, 65) == (2, 2.0)
    assert memory_parts(512, 64) == (1, 0.5)
    assert memory_parts(16384 << 10, 64) == (1, 16384.0)
    for size in (511, (16384 << 10) + 1):
        with pytest.raises(ValueError, match=r"KiB in each of 1 memories, expected 0.5 to 16384 KiB"):
            memory_parts(size, 64)


def test_the_table_holds_at_its_first_and_last_row_and_the_law_beyond():
    """45 nm HP: 1.71 pJ at 2 KiB; one KiB costs 1.194 pJ by the law."""
    first, below = (sram_energy(kib << 10, 64, 45, "HP", **READ) for kib in (2, 1))
    assert (first.value, first.grade) == (1.71, "published-model")
    assert (below.value, below.grade) == (pytest.approx(1.194), "scaled")
    last = sram_energy(int(KIB[-1]) << 10, 64, 45, "HP", **READ)
    assert (last.value, last.grade) == (SRAM[45, "HP"].read_pj[-1], "published-model")


def test_below_the_rows_area_and_leakage_fall_in_proportion():
    """45 nm HP, 2 KiB: 0.0068 mm2."""
    assert sram_area_mm2(2048, 64, 45, "HP") == 0.0068
    assert sram_area_mm2(1024, 64, 45, "HP") == pytest.approx(0.0034)
    assert of_capacity(SRAM[45, "HP"].leakage_mw, 1.0) == pytest.approx(2.18 / 2)


def test_the_note_says_how_a_price_was_made():
    made = sram_energy(256 * 1024, 512, 45, "LSTP", "write", "bit")
    assert made.note == "8 x 32 KiB, 45 nm LSTP: 8 x 9.97 pJ per 64-bit read, x 2.5 for a write, / 512 bit"


def test_bounds_of_a_dram_are_those_of_its_bits():
    one, many = dram_energy("DDR-45nm", 1), dram_energy("DDR-45nm", 64)
    assert (many.value, many.high) == (64 * one.value, 64 * one.high)
    assert (dram_energy("HBM2", 8).low is None) == (dram_energy("HBM2", 1).low is None)


def test_an_energy_per_bit_of_a_word_that_is_no_power_of_two():
    """96 bits are two memories of 64."""
    made = sram_energy(65_536, 96, 45, "LSTP", "read", "bit")
    assert made.value == pytest.approx(2 * 9.97 / 96)
