"""The figures that place a run: the ranges of its prices by component, and published machines."""

import math

import pytest
from factories import make_run

from simulator.report.figures.measured_chart import draw_measured, measured_finding, measured_frame
from simulator.report.figures.price_ranges import NUMBERS, draw_price_ranges, price_ranges_finding, price_ranges_frame
from simulator.report.format import format_energy


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_values_and_ends_of_components_add_up_to_the_total(run):
    frame = price_ranges_frame(run)
    total, parts = frame.iloc[0], frame.iloc[1:]
    for column in ("value_pj", "low_pj", "high_pj"):
        assert math.fsum(parts[column]) == pytest.approx(total[column], rel=1e-12)
    assert total["value_pj"] == pytest.approx(run.energy_per_token_pj, rel=1e-12)
    energies = run.ledger.by_component()
    for name, value in zip(parts["component"], parts["value_pj"], strict=True):
        assert value == pytest.approx(energies[name] / run.n_tokens, rel=1e-12)


def test_intervals_lie_in_the_ends_and_around_the_median(run):
    frame = price_ranges_frame(run)
    slack = 1e-9 * frame[NUMBERS].to_numpy().max()
    ordered = frame[["low_pj", "q05_pj", "median_pj", "q95_pj", "high_pj"]].to_numpy()
    assert (ordered[:, 1:] >= ordered[:, :-1] - slack).all()


def test_a_row_has_its_line_its_interval_its_dot_and_its_mark(run):
    frame = price_ranges_frame(run)
    _, ax = draw_price_ranges(frame)
    thin, thick, dot, mark = ax.lines[:4]
    total = frame.iloc[0]
    assert list(thin.get_xdata()) == [total["low_pj"], total["high_pj"]]
    assert list(thick.get_xdata()) == [total["q05_pj"], total["q95_pj"]]
    assert (dot.get_xdata()[0], mark.get_xdata()[0]) == (total["median_pj"], total["value_pj"])
    q05, q95 = (format_energy(float(total[name])) for name in ("q05_pj", "q95_pj"))
    assert price_ranges_finding(frame).endswith(f"90 % of random draws lie between {q05} and {q95}.")


def test_the_run_stands_among_the_machines_of_its_phase(run):
    frame = measured_frame(run)
    own = frame[frame["machine"] == "this run"].iloc[0]
    assert own["bytes"] == sum(layer.n_in * layer.n_out * layer.weight_bits / 8 for layer in run.trace.layers)
    assert own["joule"] == pytest.approx(run.energy_per_token_pj * 1e-12)
    loihi = frame[frame["machine"] == "Loihi 2 x 24"]  # 3.7 mJ per prompt token over 370 M weights of a byte
    assert run.trace.phase == "prefill"
    assert loihi["pj_per_byte"].tolist() == [pytest.approx(3.7e9 / 0.37e9)]
    _, ax = draw_measured(frame)
    points = {tuple(xy) for line in ax.lines for xy in line.get_xydata() if line.get_linestyle() == "None"}
    assert points == set(zip(frame["bytes"], frame["joule"], strict=True))


@pytest.mark.parametrize(("pj_per_byte", "where"), [(1e-3, "below"), (1e9, "above")])
def test_the_finding_says_on_which_side_the_run_lies(run, pj_per_byte, where):
    frame = measured_frame(run)
    frame.loc[frame["machine"] == "this run", "pj_per_byte"] = pj_per_byte
    assert f", {where} the range of" in measured_finding(frame)
