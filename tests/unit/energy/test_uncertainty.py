"""The Monte Carlo over price ranges: by hand where it can be, else by what must hold."""

import numpy as np
import pytest
from factories import make_chip, make_placement, make_result, make_trace

from simulator.energy.ledger import build_ledger
from simulator.energy.uncertainty import TOTAL, triangular, uncertainty

TRACE = make_trace()


def found(**changes):
    chip = make_chip(**changes)
    ledger = build_ledger(make_result(TRACE, chip, make_placement(TRACE, chip)), chip)
    return uncertainty(ledger, chip)


def count(ledger, name):
    rows = ledger.rows
    return int(rows.loc[rows["component"] + "." + rows["action"] == name, "count"].sum())


def test_triangle_by_hand():
    """Low 0, mode 1, high 4: F(1) = 1/4; below it x = sqrt(4 u), above it x = 4 - sqrt(12 (1 - u))."""
    quantiles = np.array([0.0, 0.0625, 0.25, 1 - 1 / 12, 1 - 1 / 48])
    assert triangular(quantiles, 0.0, 1.0, 4.0) == pytest.approx([0.0, 0.5, 1.0, 3.0, 3.5], rel=1e-12)


def test_triangle_with_its_peak_at_a_bound():
    assert triangular(np.array([0.0, 0.75]), 1.0, 1.0, 5.0) == pytest.approx([1.0, 3.0])
    assert triangular(np.array([0.0, 0.25]), 1.0, 5.0, 5.0) == pytest.approx([1.0, 3.0])


def test_without_ranges_the_band_is_the_value():
    alone = found(noc__local={"value": "1.7 pJ", "source": "toy", "grade": "assumed"})
    bands = alone.bands()
    for column in ("low_pj", "high_pj", "q05_pj", "median_pj", "q95_pj"):
        assert bands[column].to_numpy() == pytest.approx(bands["value_pj"].to_numpy(), rel=1e-12)
    assert alone.ranged_share == 0.0
    assert len(alone.tornado()) == 0


def test_one_ranged_price_by_hand():
    """The toy's only range: noc.local 1.7 pJ from 1 to 2; the total moves by count x (bound - 1.7)."""
    one = found()
    n, total = count(one.ledger, "noc.local"), one.ledger.total_pj
    (row,) = one.tornado().to_dict("records")
    assert row["prices"] == "noc.local"
    assert row["low_pj"] == pytest.approx(total - 0.7 * n, rel=1e-12)
    assert row["high_pj"] == pytest.approx(total + 0.3 * n, rel=1e-12)
    assert row["swing_pj"] == pytest.approx(1.0 * n, rel=1e-9)
    assert one.ranged_share == pytest.approx(1.7 * n / total, rel=1e-12)
    # quantiles of the triangle (1, 1.7, 2): 1 + sqrt(0.05 x 0.7), 1 + sqrt(0.5 x 0.7), 2 - sqrt(0.05 x 0.3)
    unit = {"q05_pj": 1.1871, "median_pj": 1.5916, "q95_pj": 1.8775}
    for name, value in unit.items():
        assert one.total[name] == pytest.approx(total + n * (value - 1.7), abs=0.03 * n)  # 1,000 draws
    assert one.total["low_pj"] == pytest.approx(total - 0.7 * n, rel=1e-12)
    assert one.total["high_pj"] == pytest.approx(total + 0.3 * n, rel=1e-12)


def test_prices_that_state_one_fact_are_drawn_as_one():
    hop = {"value": "3 pJ", "low": "1 pJ", "high": "9 pJ", "source": "toy", "grade": "assumed"}
    fixed = {"value": "1.7 pJ", "source": "toy", "grade": "assumed"}
    both = found(noc__hop_x=hop, noc__hop_y=hop, noc__local=fixed)
    assert list(both.tornado()["prices"]) == ["noc.hop_x, noc.hop_y"]
    apart = found(noc__hop_x=hop, noc__hop_y=hop | {"note": "another fact"}, noc__local=fixed)
    assert len(apart.tornado()) == 2
    width = both.total["q95_pj"] - both.total["q05_pj"]
    assert apart.total["q95_pj"] - apart.total["q05_pj"] < width


def test_same_seed_same_draws_and_another_price_changes_none_of_them():
    one, two = found().bands(), found().bands()
    assert one.equals(two)
    dearer = found(core__axon_in__lookup__energy__value="6 pJ")
    n = count(dearer.ledger, "axon_in.lookup")
    for name in ("low_pj", "high_pj", "q05_pj", "median_pj", "q95_pj"):
        assert dearer.total[name] - found().total[name] == pytest.approx(n * 1.0, rel=1e-9)


def test_every_layer_has_a_band_around_its_value_and_the_total_comes_last():
    bands = found().bands()
    assert bands["owner"].iloc[-1] == TOTAL
    assert list(bands["owner"][:-1]) == list(dict.fromkeys(found().ledger.rows["owner"]))
    columns = bands[["low_pj", "q05_pj", "median_pj", "q95_pj", "high_pj"]].to_numpy()
    assert (np.diff(columns, axis=1) >= -1e-9 * columns[:, :-1]).all()
    assert columns[-1, 0] == pytest.approx(columns[:-1, 0].sum(), rel=1e-12)


def test_no_row_lies_outside_its_own_band_whatever_side_its_ranges_are_open_to():
    """A triangle with its peak at one end leaves the value outside most draws; the band of all ends holds it."""
    price = {"value": "2 pJ", "source": "toy", "grade": "assumed"}
    for ends in ({"low": "2 pJ", "high": "9 pJ"}, {"low": "1 pJ", "high": "2 pJ"}):
        bands = found(noc__local=price | ends, core__axon_in__lookup__energy=price | ends).bands()
        assert (bands["low_pj"] <= bands["value_pj"]).all()
        assert (bands["value_pj"] <= bands["high_pj"]).all()


def test_static_power_has_a_range_like_any_price():
    static = {"value": "2 mW", "low": "1 mW", "high": "3 mW", "source": "toy", "grade": "assumed"}
    wide = found(chip__static_power=static)
    assert wide.tornado()["prices"].iloc[0] == "static.power"


def test_a_total_outside_its_own_quantiles_says_which_end_its_prices_are_at():
    """A triangle with its peak at an end of the range has 95 % of its draws on one side of the value."""

    def ranged(low, high):
        return found(noc__local={"value": "2 pJ", "low": low, "high": high, "source": "toy", "grade": "assumed"})

    assert ranged("1 pJ", "3 pJ").outside_quantiles == ""
    assert "lies below these draws" in ranged("2 pJ", "9 pJ").outside_quantiles
    assert "lies above these draws" in ranged("1 pJ", "2 pJ").outside_quantiles
