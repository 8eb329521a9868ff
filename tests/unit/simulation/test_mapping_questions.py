"""Questions about a mapping are asked of the trace that `simulate` replays: with the texts of a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_trace

from simulator.errors import TraceError
from simulator.simulation.mapping_questions import fit_of_trace
from simulator.trace.trace import DECODE
from simulator.trace.trace_files import save_trace


def test_a_fit_holds_the_caches_of_all_texts_of_a_batch(tmp_path):
    trace, path = make_trace(n_tokens=4), tmp_path / "one_text.npz"
    phases = np.where(np.arange(4) < 2, trace.phases, DECODE).astype(trace.phases.dtype)
    save_trace(replace(trace, phases=phases), path)
    one, four = (fit_of_trace("loihi-like", [f"schedule.batch={batch}"], str(path)) for batch in (1, 4))
    held = [answer.parts[2].frame.set_index("kind").loc["kv_cache", "total_bytes"] for answer in (one, four)]
    assert held[1] == 4 * held[0] > 0
    assert one.warnings == ()
    assert "3 more are copies" in four.warnings[0]


def test_a_batch_of_prompts_alone_is_refused(tmp_path):
    path = tmp_path / "prompt.npz"
    save_trace(make_trace(), path)
    with pytest.raises(TraceError, match="a batch of 2: found prompts alone"):
        fit_of_trace("loihi-like", ["schedule.batch=2"], str(path))
