"""Lemaire et al. 2022 by hand: a layer of 4 inputs and 3 outputs."""

import pytest
from factories import make_trace

from simulator.energy.lemaire import (
    Layer,
    access_pj,
    add_pj,
    dense_energy,
    memory_inclusive,
    multiply_pj,
    spiking_energy,
)

LAYER = Layer(n_in=4, n_out=3, spikes_in=5, spikes_out=2, timesteps=6, bits=8)


def test_accesses():
    assert access_pj(1000, 8, "fitted") == pytest.approx(1.09e-5 * 8000 + 13.2)
    assert access_pj(1000, 8, "packed") == 1.25
    assert access_pj(1000, 32, "packed") == 5.0
    assert access_pj(0, 8, "fitted") == 0.0


def test_a_spiking_layer_by_hand():
    """5 spikes x 3 outputs = 15 events, 6 x 3 = 18 neuron steps, 1.25 pJ per packed access, additions of 0.03 pJ."""
    found = spiking_energy(LAYER)
    assert found.weights_pj == pytest.approx(15 * 1.25)
    assert found.potentials_pj == pytest.approx(2 * (15 + 18) * 1.25)
    assert found.buffers_pj == pytest.approx((5 + 2) * 1.25)
    assert found.operations_pj == pytest.approx((15 + 18 + 2) * 0.03)
    assert found.addresses_pj == pytest.approx(15 * 0.1)
    assert found.bias_pj == 0.0
    assert found.total_pj == pytest.approx(18.75 + 82.5 + 8.75 + 1.05 + 1.5)


def test_bias_and_leak_add_what_they_add():
    plain, more = spiking_energy(LAYER), spiking_energy(LAYER._replace(bias=True, leaky=True))
    assert more.bias_pj == pytest.approx(18 * 1.25)
    assert more.operations_pj - plain.operations_pj == pytest.approx(18 * 0.23)


def test_the_fitted_memory_by_hand():
    found = spiking_energy(LAYER, memory="fitted")
    assert found.weights_pj == pytest.approx(15 * (1.09e-5 * 12 * 8 + 13.2))
    assert found.potentials_pj == pytest.approx(66 * (1.09e-5 * 3 * 8 + 13.2))


def test_a_dense_layer_by_hand():
    found = dense_energy(LAYER)
    assert found.total_pj == pytest.approx(12 * 1.25 + (4 + 3) * 1.25 + 12 * 0.23)


@pytest.mark.parametrize(
    ("widths", "bits", "add", "multiply"),
    [
        ("saturation", 4, 0.03, 0.2),
        ("saturation", 12, 0.05, 3.1),
        ("saturation", 64, 0.1, 3.1),
        ("linear", 20, 0.065, 1.65),
        ("quadratic", 8, 0.03, 0.2),
        ("quadratic", 32, 0.1, 3.1),
        ("quadratic", 0, 0.0, 0.0),
    ],
)
def test_widths_between_the_tabulated_ones(widths, bits, add, multiply):
    assert add_pj(bits, widths) == pytest.approx(add)
    assert multiply_pj(bits, widths) == pytest.approx(multiply)


def test_a_trace_is_the_sum_of_its_layers():
    trace = make_trace()
    table = memory_inclusive(trace).set_index("layer")
    assert list(table.index) == [layer.layer_id for layer in trace.layers]
    spikes = int(trace.spikes_per_token("blocks.0.attn_in").sum())
    by_hand = spiking_energy(Layer(16, 16, spikes, 4 * 16, 4 * 3))
    assert table.loc["blocks.0.q", "spiking_pj"] == pytest.approx(by_hand.total_pj)
    assert table.loc["blocks.0.q", "dense_pj"] == pytest.approx(4 * dense_energy(Layer(16, 16, 0, 0, 0)).total_pj)
