"""Every threshold rule by hand, what it clips, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from simulator.errors import ModelError
from simulator.model.encoder import Encoder
from simulator.model.encoder_ops import encoder_work
from simulator.model.threshold import EncoderRule, least_error_step, order_statistic, signed_step
from simulator.trace.encoding import Encoding

TERNARY = Encoding("ternary", 3)
ROW = np.array([[6.0, -3.5, 0.9, 1.1]], dtype=np.float32)


def counts(rule: EncoderRule, encoding: Encoding = TERNARY) -> tuple[list[int], float, int]:
    spikes = Encoder(encoding, rule)(ROW)
    return spikes.counts[0].tolist(), float(spikes.v_threshold[0]), spikes.n_clipped


def test_quantile_reaches_the_share_of_the_values_and_counts_the_clipped():
    # 3 of 4 values are at most 3.5: step 3.5/3. 6 * 3 / 3.5 = 5.1 -> clipped to 3; 0.9 -> .77 -> 1; 1.1 -> .94 -> 1.
    assert counts(EncoderRule("quantile", gamma=0.75)) == ([3, -3, 1, 1], pytest.approx(3.5 / 3), 1)


def test_mean_takes_k_steps_in_the_mean():
    # mean|x| = 11.5 / 4 = 2.875; k = 2: step 1.4375. 4.17 -> 4 -> clipped to 3; -2.43 -> -2; .63 -> 1; .77 -> 1.
    assert counts(EncoderRule("mean", k=2.0)) == ([3, -2, 1, 1], 1.4375, 1)


def test_static_step_is_the_same_for_every_token():
    assert counts(EncoderRule("static", step=2.0)) == ([3, -2, 0, 1], 2.0, 0)
    with pytest.raises(ModelError, match="static threshold without a step"):
        counts(EncoderRule("static"))


def test_fewer_steps_than_levels_leave_room_for_what_lies_beyond():
    # 3.5 in one step: 6 is 1.71 steps -> 2, which 3 levels hold without a clip.
    assert counts(EncoderRule("quantile", gamma=0.75, steps=1)) == ([2, -1, 0, 0], 3.5, 0)
    assert EncoderRule(steps=9).steps_of(3) == 3


def test_clip_dead_zone_and_floor():
    # absmax: step 2; 3, -1.75, .45, .55 steps.
    assert counts(EncoderRule(clip=2)) == ([2, -2, 0, 1], 2.0, 1)
    assert counts(EncoderRule(dead_zone=0.6)) == ([3, -2, 0, 0], 2.0, 0)
    assert counts(EncoderRule(rounding="floor")) == ([3, -1, 0, 0], 2.0, 0)


def test_error_diffusion_hands_what_rounding_leaves_to_the_next_value():
    # Step 2; 3, -1.75, .45, .55 steps. 3 leaves 0; -1.75 -> -2 leaves .25; .45 + .25 = .7 -> 1 leaves -.3; .25 -> 0.
    assert counts(EncoderRule(rounding="error_diffusion")) == ([3, -2, 1, 0], 2.0, 0)
    # A value in the dead zone adds nothing: .25 is left for the last, .55 + .25 -> 1.
    assert counts(EncoderRule(rounding="error_diffusion", dead_zone=0.5)) == ([3, -2, 0, 1], 2.0, 0)
    # What the clip takes off is lost: 3 -> 2, and no value after it grows.
    assert counts(EncoderRule(rounding="error_diffusion", clip=2)) == ([2, -2, 1, 0], 2.0, 1)
    assert "rounded by error diffusion" in str(EncoderRule(rounding="error_diffusion"))


@given(npst.arrays(np.float32, (3, 40), elements=st.floats(-4, 4, width=32)), st.sampled_from([3, 7, 15]))
def test_error_diffusion_keeps_the_sum_of_any_first_values_to_half_a_step(values, levels):
    spikes = Encoder(Encoding("ternary", levels), EncoderRule("static", step=8 / levels, rounding="error_diffusion"))(
        values
    )
    apart = np.cumsum(values, axis=1, dtype=np.float64) - np.cumsum(spikes.counts, axis=1) * (8 / levels)
    assert spikes.n_clipped == 0
    assert np.abs(apart).max() <= (0.5 + 1e-4) * 8 / levels


def test_quantile_of_unsigned_counts_cuts_both_ends():
    # 3 of 4 at most 1.1 and 3 of 4 at least 0.9 (-3.5 below): low 0, high 1.1 in 3 steps; 6.0 and -3.5 are clipped.
    assert counts(EncoderRule("quantile", gamma=0.75), Encoding("binary", 3)) == (
        [3, 0, 2, 3],
        pytest.approx(1.1 / 3),
        2,
    )


@given(
    values=npst.arrays(np.float32, (3, 17), elements=st.floats(-100, 100, width=32)),
    gamma=st.floats(0.01, 1),
)
def test_order_statistic_is_the_smallest_that_enough_values_do_not_exceed(values, gamma):
    found = order_statistic(values, gamma)
    for row, chosen in zip(values, found, strict=True):
        assert np.mean(row <= chosen) >= gamma - 1e-12
        assert all(np.mean(row <= smaller) < gamma for smaller in row if smaller < chosen)


@given(
    values=npst.arrays(np.float32, (2, 9), elements=st.floats(-1000, 1000, width=32)),
    rule=st.builds(
        EncoderRule,
        threshold=st.sampled_from(["absmax", "quantile", "mean", "normal", "least_error"]),
        gamma=st.floats(0.3, 1),
        k=st.floats(0.5, 5),
        clip=st.none() | st.integers(1, 7),
        dead_zone=st.sampled_from([0.0, 0.5, 0.9]),
        rounding=st.sampled_from(["nearest", "floor"]),
    ),
    levels=st.integers(1, 15),
)
def test_signed_counts_are_odd_within_the_clip_and_the_clipped_are_counted(values, rule, levels):
    spikes = Encoder(Encoding("ternary", levels), rule)(values)
    negated = Encoder(Encoding("ternary", levels), rule)(-values)
    assert np.array_equal(negated.counts, -spikes.counts)
    most = levels if rule.clip is None else min(levels, rule.clip)
    assert np.abs(spikes.counts).max() <= most
    wide = Encoder(Encoding("ternary", 32767), EncoderRule("static", step=1.0, rounding=rule.rounding))
    for row, counted, step in zip(values, spikes.counts, spikes.v_threshold, strict=True):
        free = wide((row * (np.float32(1) / step))[None]).counts[0]
        free[np.abs(row * (np.float32(1) / step)) < np.float32(rule.dead_zone)] = 0
        assert np.array_equal(counted, np.clip(free, -most, most))
    assert spikes.n_clipped == negated.n_clipped


def test_work_of_each_rule_by_hand():
    """A row of 8 values; after the threshold: silent? and 1/step; 8 mul, 8 rounded, 16 compares of the clip."""

    def work(rule: EncoderRule, code: str = "ternary") -> dict[str, int]:
        return {a: n for a, (n, b) in encoder_work((8, 0), 1, Encoder(Encoding(code, 3), rule)).items() if n and not b}

    assert work(EncoderRule()) == {"vector_compare": 8 + 1 + 16, "vector_div": 2, "vector_mul": 8, "vector_add": 8}
    # 15 rounds of 8 compares and 8 counting adds
    assert work(EncoderRule("quantile", gamma=0.5)) == {
        "vector_compare": 120 + 1 + 16, "vector_div": 2, "vector_mul": 8, "vector_add": 120 + 8,
    }  # fmt: skip
    # 0.95 of 8 values: rank 8 of 8, the largest
    assert work(EncoderRule("quantile", gamma=0.95)) == work(EncoderRule())
    assert work(EncoderRule("mean")) == {
        "vector_add": 8 + 8, "vector_mul": 1 + 8, "vector_compare": 1 + 16, "vector_div": 1,
    }  # fmt: skip
    # Mean and maximum: 8 add, 8 compare, a div. Base: 2 mul, 2 div; 5 multiples: 10 mul. 6 trials of 8 mul, 8 + 8 add,
    # 16 compares and 8 mac, each with 3 mul and 1 add; 5 compares between them.
    assert work(EncoderRule("least_error")) == {
        "vector_add": 8 + 6 * 16 + 6 + 8, "vector_compare": 8 + 6 * 16 + 5 + 1 + 16, "vector_div": 3 + 1,
        "vector_mul": 2 + 10 + 6 * 8 + 6 * 3 + 8, "vector_mac": 48,
    }  # fmt: skip
    assert work(EncoderRule("static", step=1.0)) == {
        "memory_read": 32, "vector_mul": 8, "vector_add": 8, "vector_compare": 16,
    }  # fmt: skip
    assert work(EncoderRule(dead_zone=1.0, rounding="floor")) == {
        "vector_compare": 8 + 1 + 8 + 16, "vector_div": 2, "vector_mul": 8,
    }  # fmt: skip
    assert work(EncoderRule("quantile", gamma=0.5), "binary") == {
        "vector_compare": 240 + 1 + 16, "vector_div": 2, "vector_mul": 8 + 1, "vector_add": 240 + 1 + 8 + 1 + 8,
    }  # fmt: skip


@pytest.mark.parametrize(("gamma", "n", "clips"), [(0.998, 499, 0), (0.998, 500, 1), (0.998, 1000, 2), (0.9, 9, 0)])
def test_a_quantile_leaves_out_so_many_of_a_row_and_none_of_a_short_one(gamma, n, clips):
    values = np.linspace(-1, 0.5, n, dtype=np.float32)[None]  # all sizes differ near 1
    rule = EncoderRule("quantile", gamma=gamma)
    assert rule.selects(n) == bool(clips)
    reach = float(signed_step(values, 1, rule)[0])
    assert np.count_nonzero(np.abs(values) > reach) == clips


@pytest.mark.parametrize(("levels", "step"), [(1, 1.2240), (2, 0.8430), (3, 0.6508), (4, 0.5338), (7, 0.3534)])
def test_the_step_of_a_normal_distribution_is_that_of_max_1960(levels, step):
    # J. Max, "Quantizing for minimum distortion", IRE Trans. Inf. Theory 6(1), 1960, table II: 2 L + 1 outputs
    assert least_error_step(levels) == pytest.approx(step, abs=1.1e-4)


def test_a_normal_row_of_a_mean_of_one():
    # mean |x| = 1 is a deviation of sqrt(pi / 2); 3 % wider than Max's step for 3 outputs
    step = signed_step(np.array([[1.0, -1.0, 2.0, 0.0]], np.float32), 1, EncoderRule("normal"))
    assert step[0] == pytest.approx(1.03 * 1.2240 * np.sqrt(np.pi / 2), rel=1e-4)


def test_the_step_of_least_error_takes_absmax_for_two_sizes():
    # Multiples of 3 and 0 in 3 levels: absmax has no error at all, no multiple of the base step hits 3 exactly.
    row = np.array([[3.0, -3.0, 0.0, 3.0, -3.0]], np.float32)
    assert signed_step(row, 3, EncoderRule("least_error")).tolist() == [1.0]


@given(
    values=npst.arrays(np.float32, (2, 37), elements=st.floats(-100, 100, width=32)),
    levels=st.integers(1, 15),
    dead_zone=st.sampled_from([0.0, 0.7]),
    rounding=st.sampled_from(["nearest", "floor"]),
)
def test_no_other_of_the_six_steps_has_less_error_at_its_width(values, levels, dead_zone, rounding):
    rule = EncoderRule("least_error", dead_zone=dead_zone, rounding=rounding)
    best = Encoder(Encoding("ternary", levels), rule)(values)
    for row, counted, chosen in zip(values.astype(np.float64), best.counts, best.v_threshold, strict=True):
        base = np.abs(row).mean() * np.sqrt(np.pi / 2) * least_error_step(levels)
        if base < 1e-30:
            continue

        def cost(counts, step, base=base, row=row):
            return ((counts * step - row) ** 2).sum() * (0.7 + 0.3 * base / step)

        for step in [*(base * m for m in (0.8, 0.9, 1.0, 1.1, 1.25)), np.abs(row).max() / levels]:
            static = EncoderRule("static", step=float(step), dead_zone=dead_zone, rounding=rounding)
            other = Encoder(Encoding("ternary", levels), static)(row[None].astype(np.float32))
            assert cost(counted, float(chosen)) <= cost(other.counts[0], step) * (1 + 1e-4) + 1e-9
