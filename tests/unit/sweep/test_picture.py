from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from simulator.errors import OutputError
from simulator.sweep.picture import draw_front, front_finding, save_picture, trade_finding
from simulator.sweep.runner import SweepResult

LANES, SRAM = "core.synapse.lanes", "core.sram.capacity"
ENERGY, LATENCY = "energy.per_token_pj", "latency.per_token_ps"


def result(rows, axes=(LANES, SRAM), objectives=(ENERGY, LATENCY), folder="."):
    """A finished sweep; a row is (axis values, costs, whether on the front)."""
    frame = pd.DataFrame(
        [{**dict(zip(axes, values, strict=True)), **dict(zip(objectives, costs, strict=True)), "front": front}
         for values, costs, front in rows]
    )  # fmt: skip
    return SweepResult(frame, axes, objectives, len(rows), 0, 0, Path(folder))


THREE = [((16, "4 KiB"), (2e6, 5e6), True), ((64, "4 KiB"), (3e6, 4e6), True), ((64, "8 KiB"), (4e6, 6e6), False)]


def points(ax, label):
    [dots] = [dots for dots in ax.collections if dots.get_label() == label]
    return dots.get_offsets().tolist()


def test_the_finding_says_what_counts_as_no_difference():
    assert front_finding(result(THREE)).startswith(
        "2 of 3 points are on the Pareto front; the least energy per token is"
    )
    tolerant = replace(result(THREE), tolerance=0.005)
    assert "on the Pareto front (differences up to 0.5 % count as none);" in front_finding(tolerant)


def test_the_front_goes_from_one_end_to_the_other():
    """2 to 3 uJ, and 4 to 5 us; the third point is not on it."""
    found = trade_finding(result(THREE))
    assert found == (
        "Along the front, energy per token goes from 2.000 µJ to 3.000 µJ, latency per token goes from 4.000 µs to"
        " 5.000 µs."
    )
    assert trade_finding(result(THREE[:1])) == "One point is the best in every objective."


def test_every_objective_is_in_the_picture():
    """Three objectives are two panels over the first; a point without the third is in one of them."""
    objectives = (ENERGY, LATENCY, "area.total_mm2")
    rows = [
        ((16, "4 KiB"), (2e6, 5e6, 3.0), True),
        ((64, "4 KiB"), (3e6, 4e6, 2.0), True),
        ((1, "4 KiB"), (4e6, 6e6, None), False),
    ]
    figure, ax = draw_front(result(rows, objectives=objectives))
    upper, lower = figure.axes
    assert ax is lower
    assert [panel.get_ylabel() for panel in figure.axes] == ["latency per token", "area total (mm²)"]
    assert points(upper, "Pareto front") == [pytest.approx([2e-6, 5e-6]), pytest.approx([3e-6, 4e-6])]
    assert points(lower, "Pareto front") == [pytest.approx([2e-6, 3.0]), pytest.approx([3e-6, 2.0])]


def test_labels_that_would_overlap_are_one():
    """Three points within a hair of each other, and one far away."""
    rows = [((n, "a"), (1e6 * (1 + n * 1e-4), 5e6 * (1 - n * 1e-4)), True) for n in range(3)]
    _, ax = draw_front(result([*rows, ((9, "a"), (9e6, 1e6), True)]))
    assert [text.get_text() for text in ax.texts] == ["1-3", "4"]


def test_front_and_dominated_points_stand_where_their_objectives_are():
    """2e6 pJ are 2e-6 J and 5e6 ps are 5e-6 s."""
    figure, ax = draw_front(result(THREE))
    assert points(ax, "Pareto front") == [pytest.approx([2e-6, 5e-6]), pytest.approx([3e-6, 4e-6])]
    assert points(ax, "dominated") == [pytest.approx([4e-6, 6e-6])]
    assert isinstance(figure, Figure)


def test_the_front_is_named_by_the_changed_values():
    _, ax = draw_front(result(THREE))
    assert ax.get_xlabel().splitlines() == [
        "energy per token", "", "1  lanes = 16, capacity = 4 KiB", "2  lanes = 64, capacity = 4 KiB",
    ]  # fmt: skip
    assert ax.get_ylabel() == "latency per token"
    assert [text.get_text() for text in ax.texts] == ["1", "2"]


def test_axes_of_one_ending_are_told_apart():
    axes = ("core.soma.lanes", LANES)
    _, ax = draw_front(result([((1, 2), (1.0, 1.0), True)], axes=axes))
    assert ax.get_xlabel().splitlines()[-1] == "1  soma.lanes = 1, synapse.lanes = 2"


def test_points_of_one_place_share_their_label():
    _, ax = draw_front(result([((1, "4 KiB"), (1.0, 1.0), True), ((1, "4096 B"), (1.0, 1.0), True)]))
    assert [text.get_text() for text in ax.texts] == ["1, 2"]


def test_one_objective_is_drawn_over_the_number_of_the_point():
    _, ax = draw_front(result([((1,), (5e12,), False), ((2,), (4e12,), True)], axes=(LANES,), objectives=(ENERGY,)))
    assert points(ax, "Pareto front") == [pytest.approx([2, 4])]
    assert points(ax, "dominated") == [pytest.approx([1, 5])]
    assert ax.get_ylabel() == "energy per token"


@pytest.mark.parametrize(("largest", "scale"), [(99.0, "linear"), (100.0, "log")])
def test_wide_axes_are_logarithmic(largest, scale):
    _, ax = draw_front(result([((1, "a"), (1.0, 1.0), True), ((2, "a"), (largest, 1.0), False)]))
    assert (ax.get_xscale(), ax.get_yscale()) == (scale, "linear")


def test_a_point_without_numbers_is_left_out():
    _, ax = draw_front(result([*THREE, ((1, "4 B"), (None, None), False)]))
    assert len(points(ax, "dominated")) == 1


def test_the_files_are_the_same_bytes_each_time(tmp_path):
    before = dict(mpl.rcParams)
    found = result(THREE, folder=tmp_path)
    paths = save_picture(found)
    assert [path.name for path in paths] == ["pareto.svg", "pareto.png"]
    first = [path.read_bytes() for path in paths]
    save_picture(found)
    assert [path.read_bytes() for path in paths] == first
    assert dict(mpl.rcParams) == before


def test_no_picture_of_a_sweep_that_failed(tmp_path):
    assert save_picture(result([((1, "4 B"), (None, None), False)], folder=tmp_path)) == ()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="gone: cannot write: No such file"):
        save_picture(result(THREE, folder=tmp_path / "gone"))
