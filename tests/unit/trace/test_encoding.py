"""What a count means on the wire, by hand and for every count of every code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.trace.codes import CODES, GRADED_LEVELS, MAX_LEVELS, NESTED, SPECS
from simulator.trace.encoding import Encoding


def train(encoding: Encoding, n: int) -> list[int]:
    counts = np.array([n], dtype=np.int16)
    return [int(encoding.spikes_in_timestep(counts, t)[0]) for t in range(encoding.n_timesteps)]


def test_ternary_count_fires_its_sign_in_the_first_timesteps():
    # n = -3, T = 7: -1 at t = 0, 1, 2, silence at 3..6
    assert train(Encoding("ternary", 7), -3) == [-1, -1, -1, 0, 0, 0, 0]


def test_binary_count_fires_in_the_first_timesteps():
    assert train(Encoding("binary", 4), 2) == [1, 1, 0, 0]


def test_bitwise_count_fires_its_bits_with_its_sign():
    # 5 = 1*2^0 + 0*2^1 + 1*2^2: t = 0 with weight 1, t = 2 with weight 4
    encoding = Encoding("bitwise", 7)
    assert train(encoding, 5) == [1, 0, 1]
    assert train(encoding, -5) == [-1, 0, -1]
    assert [encoding.timestep_weight(t) for t in range(3)] == [1, 2, 4]
    assert encoding.spikes_per_count(np.array([5, -5, 7, 0])).tolist() == [2, 2, 3, 0]


def test_twos_complement_fires_the_bits_of_the_residue_with_a_negative_top_plane():
    # L = 7: T = 4. 5 = 0101b. -5 = 16 - 5 = 11 = 1011b: 1 + 2 - 8.
    encoding = Encoding("bitwise_twos", 7)
    assert train(encoding, 5) == [1, 0, 1, 0]
    assert train(encoding, -5) == [1, 1, 0, 1]
    assert [encoding.timestep_weight(t) for t in range(4)] == [1, 2, 4, -8]
    # -1 = 1111b: the smallest negative count makes most spikes
    assert encoding.spikes_per_count(np.array([5, -5, -1, 0])).tolist() == [2, 3, 4, 0]


def test_graded_count_is_one_packet_that_carries_it():
    encoding = Encoding("graded", 127)
    assert train(encoding, -5) == [-5]
    assert encoding.spikes_per_count(np.array([100, -5, 0])).tolist() == [1, 1, 0]
    assert encoding.payload_bits == 8  # seven bits of 127 and a sign
    assert encoding.multiplies
    assert not Encoding("bitwise_twos", 127).multiplies


def test_a_spike_only_in_the_last_timestep_is_counted():
    # 4 = 2^(T-1) with T = 3: its one spike is in the last timestep
    encoding = Encoding("bitwise", 7)
    assert train(encoding, 4) == [0, 0, 1]
    assert encoding.spikes_per_count(np.array([4])).tolist() == [1]


@pytest.mark.parametrize(
    ("code", "levels", "timesteps"),
    [
        ("binary", 15, 15),
        ("ternary", 7, 7),
        ("bitwise", 7, 3),
        ("bitwise", 8, 4),
        ("bitwise", 1, 1),
        ("bitwise_twos", 7, 4),
        ("bitwise_twos", 8, 5),
        ("graded", 127, 1),
    ],
)
def test_timesteps_follow_from_code_and_levels(code, levels, timesteps):
    assert Encoding(code, levels).n_timesteps == timesteps


@given(code=st.sampled_from(CODES), levels=st.integers(1, 40), dtype=st.sampled_from([np.int8, np.int16, np.int64]))
def test_weighted_spikes_sum_to_the_count_and_their_number_is_spikes_per_count(code, levels, dtype):
    encoding = Encoding(code, levels)
    counts = np.arange(-levels if encoding.signed else 0, levels + 1).astype(dtype)
    trains = np.stack([encoding.spikes_in_timestep(counts, t) for t in range(encoding.n_timesteps)]).astype(int)
    weights = np.array([encoding.timestep_weight(t) for t in range(encoding.n_timesteps)])
    assert encoding.multiplies or set(np.unique(trains)) <= {-1, 0, 1}
    assert (weights @ trains).tolist() == counts.tolist()
    assert np.count_nonzero(trains, axis=0).tolist() == encoding.spikes_per_count(counts).tolist()


@pytest.mark.parametrize("code", CODES)
def test_the_largest_counts_of_the_widest_encoding(code):
    # 32767 levels in int16: abs(-32767) must not wrap
    encoding = Encoding(code, 32767)
    # 32767 = 2^15 - 1; -32767 in 16 bits is 1 and the top bit
    most, least = {"bitwise": (15, 15), "bitwise_twos": (15, 2), "graded": (1, 1)}.get(code, (32767, 32767))
    counts = np.array([32767, -32767 if encoding.signed else 0], dtype=np.int16)
    assert encoding.spikes_per_count(counts).tolist() == [most, least if encoding.signed else 0]


@pytest.mark.parametrize(("code", "levels"), [("morse", 7), ("ternary", 0), ("ternary", 32768), ("bitwise", -1)])
def test_refuses_what_is_no_encoding(code, levels):
    with pytest.raises(ValueError, match="expected"):
        Encoding(code, levels)


@pytest.mark.parametrize("code", [code for code in CODES if code != "graded"])
def test_the_timesteps_allowed_are_all_that_hold_1_to_32767_levels(code):
    spec = SPECS[code]
    least, most = spec.allowed
    assert spec.levels(least) == 1
    assert spec.levels(least - 1) == 0
    assert spec.levels(most) == MAX_LEVELS < spec.levels(most + 1)
    for timesteps in (least, least + 1, most):
        assert Encoding(code, spec.levels(timesteps)).n_timesteps == timesteps


def test_a_graded_count_takes_one_timestep_of_int8():
    spec = SPECS["graded"]
    assert (spec.allowed, spec.levels(1), GRADED_LEVELS) == ((1, 1), 127, 2**7 - 1)


@pytest.mark.parametrize(
    ("code", "bits"), [("binary", 0), ("ternary", 1), ("bitwise", 1), ("bitwise_twos", 0), ("graded", 4)]
)
def test_bits_that_a_packet_carries_besides_its_neuron(code, bits):
    """Of 7 levels: none where sign and value are known, a sign, or three bits and a sign."""
    assert Encoding(code, 7).payload_bits == bits


def test_a_nested_count_is_one_packet_that_stands_for_the_timesteps_that_are_left():
    """n = -3 of T = 7 in timestep 4, where 3 are left; 7 in the first one."""
    encoding = Encoding("ternary", 7, nested=True)
    assert train(encoding, -3) == [0, 0, 0, 0, -1, 0, 0]
    assert train(encoding, 7) == [1, 0, 0, 0, 0, 0, 0]
    assert train(encoding, 0) == [0] * 7
    assert [encoding.timestep_weight(t) for t in range(7)] == [7, 6, 5, 4, 3, 2, 1]
    assert encoding.spikes_per_count(np.array([-3, 7, 0])).tolist() == [1, 1, 0]
    assert all(spec.sums_suffixes for spec in NESTED.values())
    assert not any(spec.sums_suffixes for spec in SPECS.values())
