"""Answers about prices and published numbers."""

import pytest

from simulator.energy.silicon_case import silicon_cases
from simulator.simulation import energy_questions
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace_files import save_trace


def test_notes_of_silicon_cases_are_printed_on_request(monkeypatch):
    case = next(case for case in silicon_cases() if "ODIN" in case.name)
    monkeypatch.setattr("simulator.energy.silicon_case.silicon_cases", lambda: (case,))
    short, long = (energy_questions.silicon_comparison(False, verbose) for verbose in (False, True))
    assert [part for part in short.parts if isinstance(part, str)] == [
        "sources, settings and what each case leaves out: -v"
    ]
    assert any("- measured: C. Frenkel" in part for part in long.parts if isinstance(part, str))
    assert short.record == long.record


@pytest.mark.parametrize(("share_cores", "said"), [("true", True), ("false", False)])
def test_a_batch_whose_stages_share_cores_is_said_to_be_no_pipeline(share_cores, said, tmp_path):
    path = tmp_path / "t.npz"
    save_trace(synthetic_trace("poisson", [8, 8, 8], tokens=2, phase="decode", seed=1), path)
    keys = [f"mapping.share_cores={share_cores}", "mapping.strategy=by_output"]  # the mapper has no say
    answer = energy_questions.batch_costs("loihi-like", keys, str(path), [1, 2], 2, None, lambda _: None)
    lines = [part for part in answer.parts if isinstance(part, str) and part.startswith("pipelined, batch of")]
    assert [line.partition(":")[0] for line in lines] == (["pipelined, batch of 1, 2"] if said else [])
