"""The picture of the mapping: stages over cores and chips."""

from __future__ import annotations

import pytest
from factories import make_run
from matplotlib.colors import to_rgb

from simulator.report.figures.stage_map import COLORS, FIGURE


def test_every_core_has_the_kind_of_its_stage_and_its_share_of_the_busiest():
    """Two blocks: 4 + 2 + 3 + 2 cores each, and the head's; cores 16 to 22 are on the second chip."""
    frame = FIGURE.frame(make_run())
    used = frame[frame["used"]]
    assert used.groupby("kind").size().to_dict() == {
        "attn_in": 8,
        "attn_out": 4,
        "mlp_in": 6,
        "mlp_hidden": 4,
        "head": 1,
    }
    assert used["chip"].tolist() == [0] * 16 + [1] * 7
    assert (used["role"] == "home").sum() == 9
    assert frame["busy_share"].max() == 1
    assert used["busy_share"].to_numpy() == pytest.approx(used["time_util"].to_numpy() / used["time_util"].max())
    assert (frame.attrs["stages"], frame.attrs["straddling"]) == (9, 1)


def test_the_finding_counts_stages_cores_chips_and_those_that_straddle():
    finding = FIGURE.finding(FIGURE.frame(make_run()))
    assert finding.startswith(
        "9 stages take 23 cores of 2 chips; 1 of them lie on several chips. Most cores, 8, are of"
    )


def test_the_busiest_core_has_the_colour_of_its_stage_and_an_idle_one_a_pale_one():
    frame = FIGURE.frame(make_run())
    frame.loc[0, "busy_share"], frame.loc[4, "busy_share"] = 1.0, 0.0
    _, ax = FIGURE.draw(frame)
    faces = ax.collections[0].get_facecolor()
    assert faces[0, :3] == pytest.approx(to_rgb(COLORS[0]))
    assert faces[4, :3] == pytest.approx([1 - 0.2 * (1 - part) for part in to_rgb(COLORS[1])])


def test_the_legend_fits_whatever_the_names_are():
    frame = FIGURE.frame(make_run())
    frame["kind"] = [f"{kind}_of_a_long_name" if kind else "" for kind in frame["kind"]]
    figure, ax = FIGURE.draw(frame)
    figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.x1
    assert legend.y1 <= figure.bbox.y1
