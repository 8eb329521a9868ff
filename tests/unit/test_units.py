import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.units import UNITS, parse_quantity


@pytest.mark.parametrize(
    ("text", "dimension", "inside"),
    [
        ("23.6 pJ", "energy", 23.6),
        ("0.1 nJ", "energy", 100.0),
        ("1e-12 J", "energy", 1.0),
        ("47 fJ", "energy", 0.047),
        ("3.5 ns", "time", 3500),
        ("1350ps", "time", 1350),
        ("14.3 us", "time", 14_300_000),
        ("14.3 µs", "time", 14_300_000),
        ("14.3 μs", "time", 14_300_000),  # Greek mu
        ("104 mW", "power", 0.104),
        ("128 KiB", "size", 131_072),
        ("128 kB", "size", 128_000),
        ("64 bit", "width", 64),
        ("8 B", "width", 64),
    ],
)
def test_reads_quantities_into_the_unit_used_inside(text, dimension, inside):
    value = parse_quantity(text, dimension)
    assert value == inside
    assert type(value) is type(inside)


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        (23.6, "energy", "found 23.6 without a unit, expected an energy such as '23.6 pJ'"),
        ("23.6", "energy", "found '23.6' without a unit, expected an energy such as '23.6 pJ'"),
        ("3.5 ns", "energy", "found '3.5 ns', which is a time, expected an energy such as '23.6 pJ'"),
        (
            "3 pj",
            "energy",
            "found unknown unit 'pj' in '3 pj', expected an energy such as '23.6 pJ' (did you mean 'pJ'?)",
        ),
        (
            "1 KB",
            "size",
            "found unknown unit 'KB' in '1 KB', expected a size such as '128 KiB' (did you mean 'KiB' or 'kB'?)",
        ),
        ("1 parsec", "time", "found unknown unit 'parsec' in '1 parsec', expected a time such as '3.5 ns'"),
        ("0.5 ps", "time", "found '0.5 ps', expected a whole multiple of 1 ps"),
        ("1.5 bit", "width", "found '1.5 bit', expected a whole multiple of 1 bit"),
        ("NO", "energy", "found 'NO', expected an energy such as '23.6 pJ'"),
        ("nan pJ", "energy", "found 'nan pJ', expected an energy such as '23.6 pJ'"),
        ("1_000 pJ", "energy", "found '1_000 pJ', expected an energy such as '23.6 pJ'"),
        ("٣ pJ", "energy", "found '٣ pJ', expected an energy such as '23.6 pJ'"),
        ("1e999 pJ", "energy", "found '1e999 pJ', expected an energy that a computer can hold"),
        ("1e999999999 pJ", "energy", "found '1e999999999 pJ', expected an energy such as '23.6 pJ'"),
        (True, "energy", "found True, expected an energy such as '23.6 pJ'"),
        (None, "energy", "found None, expected an energy such as '23.6 pJ'"),
    ],
)
def test_refuses_in_the_words_of_the_error_lines(text, dimension, message):
    with pytest.raises(ValueError, match=r"^found") as error:
        parse_quantity(text, dimension)
    assert str(error.value) == message


@given(st.integers(0, 10**9), st.sampled_from(sorted(UNITS["time"])))
def test_times_are_exact(number, unit):
    exact = number * UNITS["time"][unit]
    if exact.denominator == 1:
        assert parse_quantity(f"{number} {unit}", "time") == exact
    else:
        with pytest.raises(ValueError, match="whole multiple"):
            parse_quantity(f"{number} {unit}", "time")
