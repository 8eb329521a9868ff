"""The traces that ship with the repository: whole, small, and what their names say."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.trace.trace_files import verify_trace

TRACES = Path(__file__).resolve().parents[2] / "traces"
MAX_BYTES = 300_000


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.npz")), ids=lambda path: path.stem)
def test_a_shipped_trace_is_whole_small_and_described(path):
    trace = verify_trace(path)
    assert trace.name == path.stem
    assert path.stat().st_size <= MAX_BYTES
    assert f"`{path.stem}`" in (TRACES / "README.md").read_text(encoding="utf-8")
    assert all(op.operand_bits for op in trace.ops)


def test_the_trace_of_attention_has_both_phases_and_every_kind_of_spike():
    trace = verify_trace(TRACES / "shakespeare-attention-T15.npz")
    assert trace.phase == "mixed"
    assert trace.phases.sum() == len(trace.origin["generated_ids"]) == 24
    kinds = {stream.stream_id.rsplit(".", 1)[-1] for stream in trace.streams}
    assert kinds == {"attn_in", "attn_q", "attn_p", "attn_out", "mlp_in", "mlp_hidden", "head_in"}
    assert all(trace.live_counts(stream.stream_id).any() for stream in trace.streams)
