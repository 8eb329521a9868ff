"""Formulas of data files: by hand, and everything that is no arithmetic refused."""

import pytest

from simulator.energy.arithmetic import evaluate


def test_a_formula_by_hand():
    assert evaluate("2 * a.b - (3 + c) / 4 ** 2", {"a.b": 5.0, "c": 13.0}) == 9.0


@pytest.mark.parametrize(
    "formula", ["__import__('os')", "a(1)", "a[0]", "[1]", "'x'", "1 if a else 2", "a and a", "True"]
)
def test_what_is_no_arithmetic_is_refused(formula):
    with pytest.raises(ValueError, match=r"found .*, expected"):
        evaluate(formula, {"a": 1.0})


@pytest.mark.parametrize(
    "formula",
    ["1 +", "1 / (a - 1)", "10.0 ** 999", "b", "1e999", "1e308 * 10", "(-8) ** 0.5", "1\0", "1+" * 501, "(" * 450],
    ids=range(10),
)
def test_no_number_comes_of_a_fault(formula):
    with pytest.raises(ValueError, match="found"):
        evaluate(formula, {"a": 1.0})
