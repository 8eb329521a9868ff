"""The examples in traces/README.md run as they stand there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from local_stream import with_local_stream

from simulator.trace.codes import CODES
from simulator.trace.stats import trace_stats
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace_files import save_trace, verify_trace

README = Path(__file__).resolve().parents[3] / "traces" / "README.md"


def example(heading: str) -> str:
    text = README.read_text(encoding="utf-8")
    return re.search(rf"^## {heading}\n.*?```python\n(.*?)```", text, re.DOTALL | re.MULTILINE)[1]


@pytest.mark.parametrize("code", CODES)
def test_reading_example_finds_our_firing_rates(tmp_path, monkeypatch, capsys, code):
    monkeypatch.chdir(tmp_path)
    trace = with_local_stream(replace(synthetic_trace("poisson", [9, 8, 7], code=code), window=3), (1, 2), {})
    save_trace(trace, "my.npz")
    namespace: dict[str, object] = {}
    exec(example("Reading with numpy alone"), namespace)
    namespace["trace"].close()
    found = dict(line.split() for line in capsys.readouterr().out.splitlines())
    expected = trace_stats(trace).set_index("stream")["firing_rate"]
    assert {stream: float(rate) for stream, rate in found.items()} == pytest.approx(expected.to_dict())


def test_reading_example_is_a_dozen_lines():
    assert len(example("Reading with numpy alone").splitlines()) <= 13


def test_writing_example_makes_a_trace_that_we_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(example("Writing with numpy alone"), {})
    trace = verify_trace("by_hand.npz")
    assert trace.spike_counts("layers.0.in").tolist() == [[1, 0, -3], [0, 7, 0]]
    assert trace.stages[1].sources == ("layers.0",)
    # and it is the very trace that we would write
    assert save_trace(trace, "ours.npz") == trace.content_hash
