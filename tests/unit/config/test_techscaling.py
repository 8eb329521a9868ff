"""Scaling of logic between nodes: the published polynomials at two supplies, their bounds, and lines between nodes."""

import pytest

from simulator.config.techscaling import area_factor, energy_factor, loglog, relative_energy

# A. Stillmaker and B. Baas, Integration 58:74-81, 2017: energy from 45 nm with both nodes at 0.9 V and at 0.8 V
FACTORS = {
    130: (3.17, 3.07),
    90: (1.95, 1.90),
    65: (1.25, 1.24),
    45: (1.0, 1.0),
    32: (0.641, 0.659),
    28: (0.507, 0.513),
    22: (0.305, 0.294),
    20: (0.238, 0.221),
    16: (0.187, 0.174),
    14: (0.150, 0.139),
    12: (0.139, 0.128),
    10: (0.127, 0.118),
    7: (0.102, 0.094),
}


@pytest.mark.parametrize("node", FACTORS)
def test_factors_of_the_paper_from_45_nm(node):
    at_0v9, at_0v8 = FACTORS[node]
    assert energy_factor(45, 0.9, node, 0.9) == pytest.approx(at_0v9, rel=0.006)
    assert energy_factor(45, 0.8, node, 0.8) == pytest.approx(at_0v8, rel=0.006)
    assert area_factor(node, 45) == pytest.approx(1 / area_factor(45, node))


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


@pytest.mark.parametrize(("node", "volt", "factor"), [(14, 0.75, 0.098), (7, 0.7, 0.057), (65, 1.1, 1.99)])
def test_factors_at_supplies_of_shipped_chips(node, volt, factor):
    assert energy_factor(45, 0.9, node, volt) == pytest.approx(factor, rel=0.02)


def test_area_between_two_nodes():
    assert area_factor(45, 14) == 0.17
    assert area_factor(14, 7) == pytest.approx(0.059 / 0.17)


def test_energy_at_45_nm_by_hand():
    """1.103 x 0.81 - 0.362 x 0.9 + 0.2767."""
    assert relative_energy(45, 0.9) == pytest.approx(0.84433, abs=1e-9)


def test_energy_is_linear_in_the_node_between_two_of_the_paper():
    """17 nm is a quarter of the way from 16 to 20 nm."""
    by_hand = 0.75 * relative_energy(16, 0.9) + 0.25 * relative_energy(20, 0.9)
    assert relative_energy(17, 0.9) == pytest.approx(by_hand, rel=1e-12)


def test_the_nodes_and_supplies_at_the_limits_are_taken():
    assert min(relative_energy(node, volt) for node in (7, 130) for volt in (0.5, 1.4)) > 0


@pytest.mark.parametrize(
    ("node", "volt", "words"),
    [
        (6.9, 0.9, "found 6.9 nm, expected a node of 7 to 130 nm"),
        (131, 0.9, "found 131 nm, expected a node of 7 to 130 nm"),
        (45, 0.49, "found 0.49 V, expected a supply of 0.5 to 1.4 V"),
        (45, 1.41, "found 1.41 V, expected a supply of 0.5 to 1.4 V"),
    ],
)
def test_one_step_beyond_them_is_refused(node, volt, words):
    with pytest.raises(ValueError, match=words):
        relative_energy(node, volt)


@pytest.mark.parametrize("node", [6.9, 131])
def test_an_area_beyond_the_nodes_is_refused(node):
    with pytest.raises(ValueError, match="expected a node of 7 to 130 nm"):
        area_factor(45, node)


def test_a_line_in_logarithms_by_hand():
    """From 4 to 9, x 9 over x 2.25: at 6, half way, sqrt(2 x 18) = 6; an entry is what it says."""
    table = {1.0: 1.0, 4.0: 2.0, 9.0: 18.0}
    assert loglog(table, 6.0) == pytest.approx(6.0)
    assert loglog(table, 2.0) == pytest.approx(2**0.5)
    assert loglog(table, 9.0) == 18.0
