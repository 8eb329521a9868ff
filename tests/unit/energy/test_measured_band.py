"""Published joules per token, and where a run lies among them."""

import pytest
from factories import make_trace

from simulator.energy.measured_band import Placed, band_sentence, band_table, placed, points, points_table
from simulator.errors import SpikewattError

SHARES = {"synapse": 0.7, "static": 0.2, "noc": 0.1}


def decode(params, joule):
    return Placed(params, params, joule, "decode")


def test_twenty_points_with_scope_grade_and_source():
    assert len(points()) == 20
    assert {point.phase for point in points()} == {"prefill", "decode"}
    assert all(point.source and point.scope for point in points())


def test_published_numbers_by_hand():
    """NorthPole: 672 W / 28,356 tokens/s = 23.7 mJ; 3e9 parameters: 7.9 pJ each. ISSCC: DRAM and ReRAM bytes."""
    northpole = next(point for point in points() if point.machine.startswith("NorthPole"))
    assert northpole.joule == pytest.approx(672 / 28_356, rel=1e-3)
    assert northpole.joule / northpole.params * 1e12 == pytest.approx(7.9, abs=0.05)
    seven = next(p for p in points() if p.machine.startswith("HKUST") and p.model == "LLaMA-2-7B")
    assert seven.moved_bytes == pytest.approx((663.7 + 43.2) * 1e6)


def test_a_run_below_every_machine_of_its_size_is_told_with_what_it_rests_on():
    sentence = band_sentence(decode(3e9, 3e9 * 0.5e-12), SHARES)
    assert "0.5 pJ per parameter and token (decode) is below every measured machine of its size by" in sentence
    assert "its energy is synapse 70% and static 20%" in sentence


def test_a_run_within_and_above():
    assert "is within the" in band_sentence(decode(1e9, 0.03), SHARES)
    assert "is above, by" in band_sentence(decode(1e9, 3.0), SHARES)


def test_a_model_smaller_than_all_is_not_compared_with_larger_ones():
    sentence = band_sentence(decode(1e6, 1e-6), SHARES)
    assert "no published machine runs a model within 4x of 1e+06 parameters" in sentence


def test_the_table_holds_the_run_by_its_size():
    table = band_table(decode(2e9, 0.02))
    assert table["params_m"].is_monotonic_increasing
    assert (table["machine"] == "this run").sum() == 1
    row = table[table["machine"] == "this run"].iloc[0]
    assert row["pj_per_param"] == pytest.approx(10.0)


def test_columns_stand_in_their_order_with_energy_per_parameter_and_byte():
    table = band_table(decode(2e9, 0.03))
    assert table.columns.tolist() == [
        *("machine", "model", "params_m", "pj_per_param", "pj_per_byte", "joule", "bytes", "scope", "grade", "source")
    ]
    own = table[table["machine"] == "this run"].iloc[0]
    assert (own["params_m"], own["pj_per_param"], own["pj_per_byte"]) == pytest.approx((2000, 15, 15))


def test_the_range_over_all_sizes_by_hand():
    """Decode: the least is NorthPole's or Slim-Llama's per parameter, the most the Jetson's 0.719 J over 0.37 G."""
    sentence = band_sentence(decode(1e6, 1e-5), SHARES)
    least = min(p.joule * 1e12 / p.params for p in points() if p.phase == "decode")
    assert f"over all sizes they take {least:.3g} to {0.719e12 / 0.37e9:.3g} pJ" in sentence
    assert "(they have 1e+08 to 8e+09)" in sentence


def test_the_published_numbers_of_a_phase_alone():
    assert len(points_table("prefill")) + len(points_table("decode")) == 20
    with pytest.raises(SpikewattError, match="--phase both: expected one of prefill, decode"):
        points_table("both")


def test_a_trace_is_placed_by_its_linear_layers():
    """The toy block: 16 x (16 + 8 + 8 + 16 + 32 + 32) + 32 x 16 weights of 8 bits."""
    weights = 16 * (16 + 8 + 8 + 16 + 32 + 32) + 32 * 16
    assert placed(make_trace(n_blocks=1), 0.5) == Placed(weights, weights, 0.5, "prefill")


@pytest.mark.parametrize(("factor", "near"), [(4.0, True), (4.01, False)])
def test_a_model_four_times_as_large_is_of_the_same_size_and_a_larger_one_is_not(factor, near):
    smallest = min(point.params for point in points() if point.phase == "decode")
    largest = max(point.params for point in points() if point.phase == "decode")
    for params in (smallest / factor, largest * factor):
        assert ("no published machine" not in band_sentence(decode(params, 1.0), SHARES)) is near


def test_bounds_belong_to_the_band_and_factors_are_over_them():
    """At the smallest and largest energy per parameter of the machines near 1e9 parameters, and half and twice that."""
    near = [p for p in points() if p.phase == "decode" and 0.25 <= p.params / 1e9 <= 4]
    low, high = (f(p.joule / p.params for p in near) for f in (min, max))
    assert f"is within the {len(near)} published machines" in band_sentence(decode(1e9, high * 1e9), SHARES)
    assert "is within the" in band_sentence(decode(1e9, low * 1e9 * (1 + 1e-12)), SHARES)
    assert "is above, by 2.0x, the" in band_sentence(decode(1e9, 2 * high * 1e9), SHARES)
    best = min(near, key=lambda p: p.joule / p.params)
    below = band_sentence(decode(1e9, low / 2 * 1e9), SHARES)
    assert f"by 2.0x; the nearest is {best.machine}, {best.model} ({low * 1e12:.3g} pJ" in below
