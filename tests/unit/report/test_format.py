import math

import pytest

from simulator.report.format import (
    format_bytes,
    format_change,
    format_count,
    format_energy,
    format_power,
    format_ratio,
    format_share,
    format_time,
)


@pytest.mark.parametrize(
    ("pj", "text"),
    [
        (0, "0 pJ"),
        (0.001, "1.000 fJ"),
        (0.03, "30.00 fJ"),
        (0.9, "900.0 fJ"),
        (1, "1.000 pJ"),
        (999.94, "999.9 pJ"),
        (999.96, "1.000 nJ"),
        (1234.5, "1.234 nJ"),
        (5.63e5, "563.0 nJ"),
        (1.234e9, "1.234 mJ"),
        (3.177e13, "31.77 J"),
        (1e17, "100.0 kJ"),
        (1e-6, "0.001000 fJ"),
        (-12.5, "-12.50 pJ"),
        (math.nan, "n/a"),
        (math.inf, "n/a"),
    ],
)
def test_energy(pj, text):
    assert format_energy(pj) == text


@pytest.mark.parametrize(("ps", "text"), [(0, "0 ps"), (999, "999.0 ps"), (5_678_000, "5.678 µs"), (10**12, "1.000 s")])
def test_time(ps, text):
    assert format_time(ps) == text


@pytest.mark.parametrize(("watt", "text"), [(0, "0 W"), (0.074, "74.00 mW"), (16.05, "16.05 W"), (2e-7, "200.0 nW")])
def test_power(watt, text):
    assert format_power(watt) == text


@pytest.mark.parametrize(
    ("n", "text"),
    [(0, "0"), (7, "7"), (999, "999"), (1000, "1.000k"), (12_896, "12.90k"), (6.906e12, "6.906T"), (0.5, "0.5000")],
)
def test_count(n, text):
    assert format_count(n) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0.0%"), (0.1234, "12.3%"), (1, "100.0%"), (0.0004, "<0.1%"), (0.0006, "0.1%"), (math.nan, "n/a")],
)
def test_share(share, text):
    assert format_share(share) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(3.793, "3.79x"), (1457.6, "1458x"), (0.01234, "0.0123x"), (0, "0x"), (1e9, "1.00e+09x"), (math.nan, "n/a")],
)
def test_ratio(ratio, text):
    assert format_ratio(ratio) == text


@pytest.mark.parametrize(
    ("n", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (131072, "128 KiB"), (2**50, "1024 TiB")],
)
def test_bytes(n, text):
    assert format_bytes(n) == text


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (1, 0.604, "price 39.6 % lower"),
        (4, 5, "price 25 % higher"),
        (1, 2, "2.00x the price"),
        (2, 1, "0.500x the price"),
        (0, 1, "n/a the price"),
    ],
)
def test_change(before, after, text):
    assert format_change("price", before, after) == text
