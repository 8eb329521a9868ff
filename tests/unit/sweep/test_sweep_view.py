"""The view of a sweep: order of its axes, and what a browser makes of axes, tolerance and address."""

from pathlib import Path

import pandas as pd
import pytest
from browser import look
from page import Page

from simulator.report.page import script_data
from simulator.sweep.axis_order import axis_numbers
from simulator.sweep.parallel_axes import draw_parallel, parallel_finding, parallel_frame
from simulator.sweep.runner import SweepResult
from simulator.sweep.sweep_page import render_sweep
from simulator.sweep.sweep_view import sweep_view

SRAM, NOC, ENERGY, TIME = "core.sram.capacity", "noc.topology", "energy.per_token_pj", "latency.per_token_ps"
ROWS = [  # the torus is 0.01 % cheaper than the mesh: a difference that a tolerance of 1 % takes for none
    ("128 KiB", "mesh", 1000.1, 50.0, 1), ("128 KiB", "torus", 1000.0, 51.0, 1), ("16 KiB", "mesh", 2000.0, 40.0, 2),
    ("64 KiB", "mesh", 3000.0, 60.0, 2),
]  # fmt: skip
READ = """(page, window) => {
  const at = name => page.querySelector(`#explore [data-at="${name}"]`);
  const front = [...at("scatter").querySelectorAll("circle.front")].map(dot => Number(dot.dataset.point)).sort();
  const found = at("found").textContent, rerun = at("rerun").textContent, point = at("point").hidden;
  at("scatter").querySelector("circle[data-point='2']").dispatchEvent(new window.MouseEvent("click", {bubbles: true}));
  return {front, found, rerun, point, after: at("rerun").textContent, hash: window.location.hash,
          away: at("scatter").querySelectorAll(".away").length};
}"""


FITS = """(page, view) => {
  const rgb = color => color.match(/\\d+/g).slice(0, 3).map(Number);
  const body = view.getComputedStyle(page.querySelector("body")), root = view.getComputedStyle(page);
  const ground = [body, root].map(style => style.backgroundColor).find(color => !color.endsWith(", 0)"));
  return {window: page.clientWidth, content: page.scrollWidth, figures: page.querySelectorAll("figure svg").length,
          rows: page.querySelectorAll("#points ~ div tbody tr").length, explore: !page.querySelector("#explore").hidden,
          ground: rgb(ground || "rgb(255, 255, 255)"), ink: rgb(body.color)};
}"""


@pytest.fixture
def result():
    frame = pd.DataFrame(ROWS, columns=[SRAM, NOC, ENERGY, TIME, "utilization.chips"])
    frame["point"] = ["a1", "b2", "c3", "d4"]
    frame["front"], frame["status"], frame["reason"] = [True, True, True, False], "ok", ""
    frame["energy.by_component.static"] = frame[ENERGY] * 0.9
    frame["energy.by_component.noc"] = frame[ENERGY] * 0.1
    return SweepResult(frame, (SRAM, NOC), (ENERGY, TIME), 4, 0, 0, Path("sweeps/small"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["64 KiB", "128 KiB", "16 KiB", "1 MiB"], [65536, 131072, 16384, 1048576]),
        (["2 ns", "500 ps"], [2000, 500]),
        ([64, 16, 128], [64, 16, 128]),
        (["torus", "mesh", "torus"], [0, 1, 0]),
        (["8 KiB", "auto"], [0, 1]),  # not all are sizes
        ([True, False], [0, 1]),
    ],
)
def test_axes_stand_in_the_order_of_their_sizes(values, expected):
    assert axis_numbers(pd.Series(values, dtype=object)).tolist() == expected


def test_what_the_page_reads(result):
    data = sweep_view(result)
    assert data["points"] == ["a1", "b2", "c3", "d4"]
    columns = {column["name"]: column for column in data["columns"]}
    assert columns[SRAM]["texts"][0] == "128 KiB"
    assert columns["utilization.chips"]["numbers"] == [1, 1, 2, 2]
    assert [part["label"] for part in data["parts"]] == ["static", "noc"]
    assert "<" not in script_data({"a": "</script>"})


def test_in_a_browser(result, sweep, tmp_path):
    page = render_sweep(result, sweep({SRAM: ["16 KiB"]}), "spikewatt sweep small.yaml")
    (tmp_path / "sweep.html").write_text(page, encoding="utf-8")
    states = {"start": "", "tolerant": "#explore&tolerance=1&point=d4", "kept": f"#explore&keep.{SRAM}=60000..70000"}
    found, console = look(tmp_path, {name: (f"sweep.html{state}", 390) for name, state in states.items()}, READ)
    assert console == []
    assert found["start"]["front"] == [0, 1, 2]
    assert found["tolerant"]["front"] == [0, 2]  # 0.01 % of energy no longer pays for 2 % of time
    assert found["start"]["point"]
    assert found["tolerant"]["rerun"] == "spikewatt rerun d4 --in sweeps/small --out d4"
    assert found["start"]["after"] == "spikewatt rerun c3 --in sweeps/small --out c3"
    assert "point=c3" in found["start"]["hash"]
    assert found["kept"]["away"] == 3


def test_labels_of_an_axis_never_overprint(result):
    """Nearly equal energies have one label; the ends always have theirs."""
    frame = parallel_frame(result)
    figure, ax = draw_parallel(frame, result.axes)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) >= 8
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_no_finding_is_said_twice(result, sweep):
    findings = Page(render_sweep(result, sweep({SRAM: ["16 KiB"]}), "spikewatt sweep a.yaml")).texts("p")
    said = [text for text in findings if text]
    assert len(said) == len(set(said))
    assert "75.0% of the points" not in parallel_finding(parallel_frame(result), result.axes)


@pytest.mark.parametrize(("dark", "scripts"), [(False, True), (True, True), (False, False), (True, False)])
def test_light_and_dark_with_and_without_scripts(result, sweep, tmp_path, dark, scripts):
    """At 1280 and 390 px nothing is wider than the window, and the page is whole without a script."""
    page = render_sweep(result, sweep({SRAM: ["16 KiB"]}), "spikewatt sweep small.yaml")
    (tmp_path / "sweep.html").write_text(page, encoding="utf-8")
    frames = {str(width): ("sweep.html", width) for width in (1280, 390)}
    found, _ = look(tmp_path, frames, FITS, dark, scripts)
    for name, seen in found.items():
        assert seen["window"] > 0.9 * int(name)
        assert seen["content"] <= seen["window"]
        assert seen["figures"] >= 2
        assert seen["rows"] >= len(ROWS)
        assert seen["explore"] == scripts
        assert (sum(seen["ground"]) < sum(seen["ink"])) == dark
