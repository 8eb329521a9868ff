"""Answers about prices and published numbers."""

from simulator.energy.silicon_case import silicon_cases
from simulator.simulation import energy_questions


def test_notes_of_silicon_cases_are_printed_on_request(monkeypatch):
    case = next(case for case in silicon_cases() if "ODIN" in case.name)
    monkeypatch.setattr("simulator.energy.silicon_case.silicon_cases", lambda: (case,))
    short, long = (energy_questions.silicon_comparison(False, verbose) for verbose in (False, True))
    assert [part for part in short.parts if isinstance(part, str)] == [
        "sources, settings and what each case leaves out: -v"
    ]
    assert any("- measured: C. Frenkel" in part for part in long.parts if isinstance(part, str))
    assert short.record == long.record
