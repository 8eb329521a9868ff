"""Standard errors of a sampled run: those of the time, and of the energy through the static power."""

from __future__ import annotations

import pytest
from factories import make_chip

from simulator.report.headline import headline
from simulator.report.sampling_error import sampling_dict
from simulator.report.steady_figures import steady_energy_pj
from simulator.simulation.simulation import simulate
from simulator.trace.synthetic import synthetic_trace


def sampled(sample):
    chip = make_chip(core__limits={"axons_in": 64, "neurons": 4}, noc__cycle__value="20 ns", chip__max_chips=9)
    return simulate(chip, synthetic_trace("poisson", [12, 12], tokens=40), sample_tokens=sample)


def test_the_energy_is_uncertain_by_the_static_energy_of_an_uncertain_time():
    run = sampled(10)
    rows = run.ledger.rows
    static_pj = rows.loc[rows["component"] == "static", "energy_pj"].sum()
    found = sampling_dict(run)
    assert found["simulated_tokens_of_stages"] < found["tokens_of_stages"]
    assert found["time_error"] > 0
    assert found["energy_error"] == pytest.approx(found["time_error"] * static_pj / run.ledger.total_pj)
    steady = run.result.steady
    assert found["steady_time_error"] == pytest.approx(steady.error_ps / steady.time_per_token_ps)
    of_steady = steady.error_ps * static_pj / run.result.total_ps / steady_energy_pj(run)
    assert found["steady_energy_error"] == pytest.approx(of_steady)
    assert "error of sampling" in [line.quantity for line in headline(run)]


def test_a_run_of_every_token_has_none():
    run = sampled("all")
    assert sampling_dict(run) is None
    assert "error of sampling" not in [line.quantity for line in headline(run)]


def test_one_token_says_nothing_of_its_spread():
    found = sampling_dict(sampled(1))
    assert found["time_error"] is found["energy_error"] is None
