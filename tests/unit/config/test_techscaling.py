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
