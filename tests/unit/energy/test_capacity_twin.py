import pytest
from factories import make_trace

from simulator.energy.capacity_twin import (
    YAN_22NM,
    Costs,
    break_even_rate,
    longest_window,
    twin_bits,
)
from simulator.energy.thresholds import THRESHOLDS, layer_activity, side, threshold_table

COMPUTE = Costs(accumulate_pj=0.03, mac_pj=0.23)


@pytest.mark.parametrize(
    ("timesteps", "bits"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 3), (8, 4), (15, 4), (16, 5)]
)
def test_the_twin_holds_t_plus_1_values(timesteps, bits):
    assert twin_bits(timesteps) == bits


def test_break_even_of_compute_alone_is_k_over_t():
    """k (1 - gamma) / T: 0.23 / 0.03 / 5 dense, half of it when half of the twin's activations are zero."""
    assert break_even_rate(5, 4096, COMPUTE) == pytest.approx(0.23 / 0.03 / 5)
    assert break_even_rate(5, 4096, COMPUTE, twin_sparsity=0.5) == pytest.approx(0.23 / 0.03 / 10)


def test_break_even_with_fetch_and_movement_by_hand():
    """T 5 (3 bits), N 10: twin 10 (0.23 + 2) + 3 x 2 x 0.25; a spike 10 (0.03 + 2) + 2 x 3."""
    costs = COMPUTE._replace(fetch_pj=2.0, move_bit_pj=0.25, move_event_pj=3.0, hops=2.0)
    assert break_even_rate(5, 10, costs) == pytest.approx((22.3 + 1.5) / (5 * (20.3 + 6)))


def test_longest_window_is_the_last_at_which_the_spikes_are_no_dearer():
    rate = 0.5
    last = longest_window(rate, 4096, YAN_22NM)
    assert rate <= break_even_rate(last, 4096, YAN_22NM)
    assert rate > break_even_rate(last + 1, 4096, YAN_22NM)
    assert longest_window(100.0, 4096, YAN_22NM) == 0


def test_sides_of_a_threshold():
    dampfhoffer = THRESHOLDS[1]
    assert [side(x, dampfhoffer) for x in (0.1, 0.15, 0.5, 1.38, 1.4)] == [
        "spiking",
        "spiking",
        "depends",
        "depends",
        "dense",
    ]


def test_a_trace_by_hand():
    """blocks.0.attn_in: 42 spikes of 4 tokens x 16 neurons x 3 timesteps."""
    trace = make_trace()
    row = layer_activity(trace).set_index("layer").loc["blocks.0.q"]
    assert row["spikes_per_synapse"] == 42 / 64
    assert row["spike_rate"] == pytest.approx(42 / 192)
    table = threshold_table(trace).set_index("layer").loc["blocks.0.q"]
    assert [table[t.name] for t in THRESHOLDS] == ["spiking", "depends", "dense", "dense", "spiking"]
