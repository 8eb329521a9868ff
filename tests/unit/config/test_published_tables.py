"""Tables of papers, entry by entry."""

import pytest

from simulator.config.leakage_models import sram_leakage
from simulator.config.price_models import router_energy, wire_energy
from simulator.config.techscaling import area_factor, energy_factor, relative_energy


@pytest.mark.parametrize(
    ("node", "a", "b", "c"),
    [
        (130, 7.171, -6.709, 2.904),
        (90, 4.762, -4.781, 2.092),
        (65, 3.755, -4.398, 1.975),
        (45, 1.103, -0.362, 0.2767),
        (32, 0.9559, -0.7823, 0.471),
        (20, 0.373, -0.1582, 0.04104),
        (16, 0.2958, -0.1241, 0.03024),
        (14, 0.2363, -0.09675, 0.02239),
        (10, 0.2068, -0.09311, 0.02375),
        (7, 0.1776, -0.09097, 0.02447),
    ],
)
def test_polynomials_of_stillmaker_and_baas(node, a, b, c):
    """Stillmaker and Baas 2017, energy of a gate at a supply of 0.9 V: 0.81 a + 0.9 b + c."""
    assert relative_energy(node, 0.9) == pytest.approx(0.81 * a + 0.9 * b + c, rel=1e-12)
    assert energy_factor(node, 0.9, node, 0.9) == 1


@pytest.mark.parametrize(
    ("node", "factor"),
    [(130, 6.4), (90, 2.8), (65, 1.5), (32, 0.46), (28, 0.377), (22, 0.252), (20, 0.21), (16, 0.19), (14, 0.17),
     (12, 0.135), (10, 0.10), (7, 0.059)],
)  # fmt: skip
def test_areas_of_logic_relative_to_45_nm(node, factor):
    assert area_factor(45, node) == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(("node", "value", "low", "high"), [(45, 0.264, 0.249, 0.438), (22, 0.163, 0.156, 0.163)])
def test_wires_of_cacti(node, value, low, high):
    """64 wires of 1.2 mm, half of them toggling: 38.4 bit mm."""
    made = wire_energy(1.2, 64, node)
    assert (made.value, made.low, made.high) == pytest.approx((38.4 * value, 38.4 * low, 38.4 * high), rel=1e-12)


@pytest.mark.parametrize(("node", "buffers", "rest"), [(45, 22.7, 3.15), (32, 12.5, 1.73), (22, 6.6, 0.85)])
def test_routers_of_cacti(node, buffers, rest):
    made = router_energy(64, node)
    assert (made.value, made.low) == pytest.approx((buffers + rest, rest), rel=1e-12)
    assert router_energy(128, node).value == pytest.approx(2 * made.value, rel=1e-12)


def test_leakage_outside_the_nodes_of_the_table_is_noted_and_assumed():
    inside, outside = (sram_leakage(16 * 1024, 128, node, "LSTP") for node in (22, 7))
    assert "taken as it is" not in inside.note
    assert outside.note.endswith("taken as it is for 7 nm")
    assert outside.grade == "assumed" != inside.grade
