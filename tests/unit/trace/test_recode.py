"""A trace under another code: what it holds, what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_trace
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import TraceError
from simulator.trace.codes import CODES
from simulator.trace.recode import as_encoding
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.totals import stream_spikes
from simulator.trace.trace_files import load_trace, save_trace

SIGNED = [code for code in CODES if code != "binary"]


def trace_of(counts: list[int], code: str = "ternary", levels: int = 7):
    trace = synthetic_trace("silent", [len(counts), 2], code=code, levels=levels, tokens=1, name="t")
    return replace(trace, load_counts=lambda stream_id: np.array([counts], dtype=np.int8))


def spikes_of(trace) -> int:
    return sum(stream_spikes(trace, stream.stream_id) for stream in trace.streams)


def test_spikes_of_the_same_counts_under_every_signed_code():
    # 5 = 101b, -5 = 1011b in 4 bits, 0, 7 = 111b
    trace = trace_of([5, -5, 0, 7])
    found = {code: spikes_of(as_encoding(trace, code)) for code in SIGNED}
    assert found == {"ternary": 17, "bitwise": 2 + 2 + 3, "bitwise_twos": 2 + 3 + 3, "graded": 3}
    assert as_encoding(trace, "bitwise_twos").encoding.n_timesteps == 4


@given(st.sampled_from(SIGNED), st.sampled_from(SIGNED))
def test_there_and_back_is_the_same_trace(first, second):
    trace = as_encoding(make_trace(), first)
    back = as_encoding(as_encoding(trace, second), first)
    assert back.encoding == trace.encoding
    assert all(np.array_equal(back.spike_counts(s.stream_id), trace.spike_counts(s.stream_id)) for s in trace.streams)
    assert as_encoding(trace, first) is trace


@pytest.mark.parametrize(
    ("counts", "code", "levels", "line"),
    [
        ([3, -1], "binary", None, r"counts from -1 to 3, which binary of 7 levels cannot hold \(expected 0 to 7\)"),
        ([3, -1], "graded", 2, r"counts from -1 to 3, which graded of 2 levels cannot hold .*take more levels"),
        ([3, -1], "grade", None, r"encoding 'grade', expected one of .*did you mean 'graded'"),
        ([3, -1], "ternary", 0, "0 levels, expected 1 to 32767"),
    ],
)
def test_refuses_a_code_that_cannot_hold_the_counts(counts, code, levels, line):
    with pytest.raises(TraceError, match=line):
        as_encoding(trace_of(counts), code, levels)


def test_unsigned_counts_fit_every_code_and_signed_ones_without_negatives_fit_binary():
    assert spikes_of(as_encoding(trace_of([3, 1], "binary"), "bitwise")) == 3
    assert spikes_of(as_encoding(trace_of([3, 1]), "binary", 3)) == 4


def test_the_identity_differs_and_the_file_says_what_it_was(tmp_path):
    trace = make_trace()
    other = as_encoding(trace, "bitwise")
    assert other.content_hash not in ("", trace.content_hash)
    assert other.content_hash == as_encoding(trace, "bitwise").content_hash
    save_trace(other, tmp_path / "other.npz")
    loaded = load_trace(tmp_path / "other.npz")
    assert loaded.name == "toy-trace-as-bitwise"
    assert loaded.origin["captured_as"] == {"code": "ternary", "levels": 3}
